#include "fleet/verify.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/report.h"

namespace wayside::cli {
namespace {

void print_text(const fleet::VerifyReport& report) {
  std::printf("journals  %lu messages, %lu acknowledged, %lu refused, %lu resent; %lu acknowledged values\n",
              report.messages, report.acked, report.refused, report.resent, report.values);
  std::printf("sink      %lu wayside-ids, %lu journalled messages arrived whole\n", report.sink_ids, report.arrived);
  std::printf("missing %lu   values missing %lu, different %lu, strange %lu   twice by id %lu, by value %lu\n",
              report.missing, report.values_missing, report.values_different, report.strange, report.twice,
              report.values_twice);
  if (report.values_resent > 0) {
    std::printf("%lu values came again because the vehicle resent its message\n", report.values_resent);
  }
  if (report.claimed_twice > 0) {
    std::printf("%lu values are claimed by two messages: the journals cannot be told apart\n", report.claimed_twice);
  }
  for (const auto& example : report.examples) std::printf("  %s\n", example.c_str());
  std::printf("%s\n",
              report.ok() ? "every acknowledged value arrived, bit-exact, once" : "NOT every value arrived once");
}

}  // namespace

std::string verify_json(const fleet::VerifyReport& report) {
  return fmt::format(
      R"({{"ok":{},"messages":{},"acked":{},"refused":{},"resent":{},"values":{},"arrived":{},"ids":{},"missing":{},)"
      R"("values_missing":{},"values_different":{},"strange":{},"twice":{},"values_twice":{},"values_resent":{},)"
      R"("claimed_twice":{},"unreadable":{}}})",
      report.ok(), report.messages, report.acked, report.refused, report.resent, report.values, report.arrived,
      report.sink_ids, report.missing, report.values_missing, report.values_different, report.strange, report.twice,
      report.values_twice, report.values_resent, report.claimed_twice, report.unreadable);
}

int run_verify(const Args& args) {
  std::string journals;
  std::string sink;
  bool json = false;
  const Spec spec{"wayside verify",
                  "Compares the cars' own journals with the core's file sink, value by value: every acknowledged value "
                  "must have arrived, bit-exact, once. Exit 0 when it holds, 1 when it does not.",
                  {{"--journals", &journals, "folder (or file) of journals, *.jsonl", true},
                   {"--sink", &sink, "folder of the file sink", true},
                   {"--json", &json, "one JSON object instead of text"}},
                  ""};
  if (const auto exit = parse(spec, args)) return *exit;
  const auto report = fleet::verify(journals, sink);
  if (!report) return fail(kUsage, report.error().what);
  if (json) {
    std::printf("%s\n", verify_json(*report).c_str());
  } else {
    print_text(*report);
  }
  return report->ok() ? kYes : kNo;
}

}  // namespace wayside::cli
