// State machines are decided by their events alone: no clock, file, socket, thread or random symbol may be
// undefined in their archives, and no hash container (its order comes from hashes). The symbols are read
// with nm from what the linker really gets.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace {

std::string output_of(const std::string& command) {
  std::string out;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 65536> buffer{};
  std::size_t got = 0;
  while ((got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) out.append(buffer.data(), got);
  REQUIRE(::pclose(pipe) == 0);
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

// Whole names of C functions, and prefixes of C++ ones (mangled).
const std::regex& forbidden() {
  static const std::regex kForbidden(
      "^(open(at)?(64)?|creat|p?read(v)?(64)?|p?write(v)?(64)?|fsync|fdatasync|rename(at)?|unlink(at)?|mmap(64)?|"
      "f?truncate(64)?|posix_fallocate(64)?|fallocate(64)?|fopen(64)?|opendir|socket|connect|bind|listen|accept4?|"
      "send(to|msg)?|recv(from|msg)?|poll|select|epoll_.*|eventfd|timerfd_.*|"
      "clock_gettime|gettimeofday|time|clock|nanosleep|usleep|sleep|"
      "pthread_create|pthread_mutex_.*|pthread_cond_.*|sem_.*|fork|execv.*|kill|"
      "getrandom|getentropy|s?rand(om)?(_r)?|arc4random.*|"
      "_ZNSt6chrono3_V2(12system_clock|12steady_clock)3nowEv|_ZNSt6thread.*|_ZNSt13random_device.*|"
      "_ZNSt13basic_filebuf.*|_ZNSt14basic_(i|o)fstream.*|_ZNSt10filesystem.*|"
      "_ZNKSt8__detail20_Prime_rehash_policy.*|_ZSt11_Hash_bytes.*)(@.*)?$");
  return kForbidden;
}

std::vector<std::string> offences_in(const std::string& archive) {
  std::vector<std::string> offences;
  for (const std::string& line : lines_of(output_of("nm -u '" + archive + "' 2>/dev/null"))) {
    const std::size_t at = line.rfind(' ');
    const std::string symbol = at == std::string::npos ? line : line.substr(at + 1);
    if (std::regex_match(symbol, forbidden())) offences.push_back(archive + ": " + symbol);
  }
  return offences;
}

}  // namespace

TEST_CASE("a state machine has no clock, file, socket, thread, random or hash-order symbol") {
  std::ifstream list(WAYSIDE_PURE_TARGETS);
  REQUIRE(list.good());
  std::string archive;
  std::size_t checked = 0;
  std::string all;
  while (std::getline(list, archive)) {
    if (archive.empty()) continue;
    ++checked;
    for (const std::string& offence : offences_in(archive)) all += offence + "\n";
  }
  INFO(all);
  CHECK(checked >= 8);
  CHECK(all.empty());
}

TEST_CASE("the check of pure symbols refuses what it is meant to refuse") {
  for (const char* symbol :
       {"clock_gettime", "open64", "fdatasync", "pthread_create", "getrandom@GLIBC_2.25", "socket",
        "_ZNSt6chrono3_V212system_clock3nowEv", "_ZNKSt8__detail20_Prime_rehash_policy11_M_next_bktEm"}) {
    INFO(symbol);
    CHECK(std::regex_match(std::string(symbol), forbidden()));
  }
  for (const char* symbol : {"memcpy", "abort", "fprintf", "_Znwm", "opendoor", "timely"}) {
    INFO(symbol);
    CHECK_FALSE(std::regex_match(std::string(symbol), forbidden()));
  }
}
