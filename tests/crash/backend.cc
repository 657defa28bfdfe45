#include "tests/crash/backend.h"

namespace wayside::test {

Result<std::unique_ptr<Backend>> Backend::start(const fleet::Region& region) {
  auto backend = std::make_unique<Backend>();
  const std::string pki = region.paths().pki;
  const std::string leaf = pki + "/services/" + fleet::kViewer;
  fleet::RecorderOptions options;
  options.to = {"127.0.0.1", region.ports().core_services};
  options.tls = {pki + "/ca/links.crt", leaf + ".crt", leaf + ".key"};
  options.client_id = "kill-run-backend";
  options.on_message = [raw = backend.get()](const mqtt::Publish& publish) { raw->take(publish); };
  auto recorder = fleet::Recorder::start(std::move(options));
  if (!recorder) return std::move(recorder).error();
  backend->recorder_ = std::move(recorder).value();
  return backend;
}

void Backend::set_quiet(bool quiet) {
  const std::lock_guard lock(mutex_);
  quiet_ = quiet;
}

Backend::Counts Backend::counts() {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Backend::take(const mqtt::Publish& publish) {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, value] : publish.properties.user) {
    if (key != "wayside-id") continue;
    if (heard_.insert(value) == fleet::IdSet::Seen::first) {
      ++counts_.ids;
      continue;
    }
    ++counts_.repeats;
    if (quiet_) ++counts_.repeats_without_kill;
  }
}

}  // namespace wayside::test
