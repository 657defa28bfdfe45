#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cli/commands.h"
#include "common/types.h"
#include "schemas/json/json.h"

namespace wayside::cli {

int run_decode(const Args& args) {
  std::string file;
  const Spec spec{"wayside decode",
                  "Prints one message of any of Wayside's formats as JSON: payloads, link messages, batches, intents, "
                  "grants and signed lists (signatures are shown, not checked). Exit 1 when it is none of them.",
                  {{"FILE", &file, "file, or - for standard input", true}},
                  ""};
  if (const auto exit = parse(spec, args)) return *exit;
  std::string content;
  if (file == "-") {
    content.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail(kUsage, file + ": cannot be read");
    content.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto json = schemas::to_json(as_bytes(content));
  if (!json) return fail(kNo, json.error().what);
  std::printf("%s\n", json->c_str());
  return kYes;
}

}  // namespace wayside::cli
