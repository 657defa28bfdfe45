#include "tests/support/sim_disk.h"

#include <algorithm>
#include <array>

namespace wayside::test {
namespace {

constexpr std::size_t kSector = 512;
constexpr std::size_t kHistoryMax = 64;
constexpr std::size_t kCalls = 9;

struct Inode {
  Bytes cache;                  // what reads see
  Bytes platter;                // what survives for certain
  std::set<std::size_t> dirty;  // sectors a sync would write
  bool size_dirty = false;
};

struct NameChange {
  std::string path;
  std::shared_ptr<Inode> now;  // null: removed
  std::string folder_from;     // set: the folder of that path is called `path` now
};

struct Word {
  std::uint64_t value = 0;
  std::vector<std::uint64_t> history{0};
};

struct Armed {
  Fault fault{};
  unsigned skip = 0;
  unsigned times = 0;
};

struct Slow {
  unsigned times = 0;
  std::function<void()> wait;
};

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

void set_range(Bytes& bytes, std::size_t at, ByteView from) {
  if (bytes.size() < at + from.size()) bytes.resize(at + from.size(), 0);
  std::copy(from.begin(), from.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

void copy_sector(const Inode& from, Bytes& to, std::size_t sector) {
  for (std::size_t i = sector * kSector; i < std::min((sector + 1) * kSector, from.cache.size()); ++i) {
    if (i < to.size()) to[i] = from.cache[i];
  }
}

void forget_sector(Inode& inode, std::size_t sector) {
  for (std::size_t i = sector * kSector; i < std::min((sector + 1) * kSector, inode.cache.size()); ++i) {
    inode.cache[i] = i < inode.platter.size() ? inode.platter[i] : 0;
  }
}

}  // namespace

struct SimDisk::State {
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  Names names;
  Names durable_names;
  std::map<std::string, std::vector<NameChange>> pending;  // by directory, in order
  std::set<std::string> directories{"/"};
  std::map<std::pair<std::string, unsigned>, Word> words;
  std::map<std::string, std::uint64_t> locks;  // path -> generation that holds it
  std::uint64_t generation = 0;
  std::array<std::optional<Armed>, kCalls> armed;
  std::array<std::uint64_t, kCalls> calls{};
  std::array<std::uint64_t, kCalls> fired{};
  std::array<Slow, kCalls> slow;
  std::uint64_t slowed = 0;
  std::vector<std::string> let_go;

  Result<void> enter(SimCall call, const std::string& what) {
    const auto index = static_cast<std::size_t>(call);
    ++calls.at(index);
    if (slow.at(index).times > 0) {
      --slow.at(index).times;
      ++slowed;
      slow.at(index).wait();
    }
    auto& fault = armed.at(index);
    if (!fault) return {};
    if (fault->skip > 0) {
      --fault->skip;
      return {};
    }
    ++fired.at(index);
    const Error error{fault->fault, "simulated fault: " + what, 0};
    if (--fault->times == 0) fault.reset();
    return error;
  }
  void change(const std::string& path, std::shared_ptr<Inode> now) {
    pending[parent_of(path)].push_back({path, now, {}});
    if (now) {
      names[path] = std::move(now);
    } else {
      names.erase(path);
    }
  }
  // The same names below another folder. Nodes stay where they are: open words and files do not notice.
  static void move_names(Names& names, const std::string& from, const std::string& to) {
    for (auto at = names.lower_bound(from + "/"); at != names.end() && at->first.starts_with(from + "/");) {
      auto node = names.extract(at++);
      node.key() = to + node.key().substr(from.size());
      names.insert(std::move(node));
    }
  }
  void move_words(const std::string& from, const std::string& to) {
    std::erase_if(words, [&](const auto& word) { return word.first.first.starts_with(to + "/"); });
    for (auto at = words.begin(); at != words.end();) {
      const auto next = std::next(at);
      if (at->first.first.starts_with(from + "/")) {
        auto node = words.extract(at);
        node.key().first = to + node.key().first.substr(from.size());
        words.insert(std::move(node));
      }
      at = next;
    }
  }
  static void apply(Names& to, const NameChange& change) {
    if (!change.folder_from.empty()) return move_names(to, change.folder_from, change.path);
    if (change.now) {
      to[change.path] = change.now;
    } else {
      to.erase(change.path);
    }
  }
  [[nodiscard]] std::shared_ptr<Inode> at(const std::string& path) const {
    const auto found = names.find(path);
    WAYSIDE_ASSERT(found != names.end());
    return found->second;
  }
};

namespace {

class SimFile final : public DiskFile {
 public:
  SimFile(std::shared_ptr<SimDisk::State> state, std::shared_ptr<Inode> inode, std::string path, bool writable)
      : state_(std::move(state)),
        inode_(std::move(inode)),
        path_(std::move(path)),
        writable_(writable),
        generation_(state_->generation) {}

  Result<void> pwrite(ByteView bytes, std::uint64_t at) override {
    if (auto alive = check(SimCall::pwrite, true); !alive) {
      if (generation_ == state_->generation) write(bytes.first(bytes.size() / 2), at);
      return alive;
    }
    write(bytes, at);
    return {};
  }
  Result<void> pread(Bytes& out, std::size_t size, std::uint64_t at) override {
    if (auto alive = check(SimCall::pread, false); !alive) return alive;
    const std::size_t begin = std::min<std::size_t>(at, inode_->cache.size());
    const std::size_t end = begin + std::min(size, inode_->cache.size() - begin);
    out.assign(inode_->cache.begin() + static_cast<std::ptrdiff_t>(begin),
               inode_->cache.begin() + static_cast<std::ptrdiff_t>(end));
    return {};
  }
  Result<void> fdatasync() override {
    if (auto alive = check(SimCall::fdatasync, true); !alive) {
      if (generation_ == state_->generation) inode_->dirty.clear();
      return alive;
    }
    inode_->platter.resize(inode_->cache.size(), 0);
    for (const std::size_t sector : inode_->dirty) copy_sector(*inode_, inode_->platter, sector);
    inode_->dirty.clear();
    inode_->size_dirty = false;
    return {};
  }
  Result<void> fallocate(std::uint64_t size) override {
    if (auto alive = check(SimCall::fallocate, true); !alive) return alive;
    if (size > inode_->cache.size()) resize(size);
    return {};
  }
  Result<void> truncate(std::uint64_t size) override {
    if (auto alive = check(SimCall::truncate, true); !alive) return alive;
    resize(size);
    return {};
  }
  Result<std::uint64_t> size() override {
    if (generation_ != state_->generation) return dead();
    return std::uint64_t{inode_->cache.size()};
  }

 private:
  [[nodiscard]] Error dead() const { return {Fault::io, path_ + ": its process is dead", 0}; }
  Result<void> check(SimCall call, bool writes) {
    if (generation_ != state_->generation) return dead();
    if (writes && !writable_) return Error{Fault::denied, path_ + " is open for reading", 0};
    if (auto entered = state_->enter(call, path_); !entered) return entered;
    if (generation_ != state_->generation) return dead();  // it died in a call that was slow
    return {};
  }
  void write(ByteView bytes, std::uint64_t at) {
    if (bytes.empty()) return;
    if (at + bytes.size() > inode_->cache.size()) inode_->size_dirty = true;
    set_range(inode_->cache, at, bytes);
    for (std::size_t sector = at / kSector; sector <= (at + bytes.size() - 1) / kSector; ++sector) {
      inode_->dirty.insert(sector);
    }
  }
  void resize(std::uint64_t size) {
    // Cut sectors read as zero if the file grows again.
    for (std::size_t sector = size / kSector; sector * kSector < inode_->cache.size(); ++sector) {
      inode_->dirty.insert(sector);
    }
    inode_->cache.resize(size, 0);
    inode_->size_dirty = true;
  }

  std::shared_ptr<SimDisk::State> state_;
  std::shared_ptr<Inode> inode_;
  std::string path_;
  bool writable_;
  std::uint64_t generation_;
};

class SimWord final : public SharedWord {
 public:
  SimWord(std::shared_ptr<SimDisk::State> state, Word& word) : state_(std::move(state)), word_(word) {}
  void store(std::uint64_t value) override {
    word_.value = value;
    word_.history.push_back(value);
    if (word_.history.size() > kHistoryMax) word_.history.erase(word_.history.begin());
  }
  [[nodiscard]] std::uint64_t load() const override { return word_.value; }

 private:
  std::shared_ptr<SimDisk::State> state_;  // std::map keeps the word where it is
  Word& word_;
};

class SimLock final : public DiskFile {
 public:
  SimLock(std::shared_ptr<SimDisk::State> state, std::string path)
      : state_(std::move(state)), path_(std::move(path)), generation_(state_->generation) {
    state_->locks[path_] = generation_;
  }
  ~SimLock() override {
    if (generation_ == state_->generation) state_->locks.erase(path_);
  }
  SimLock(const SimLock&) = delete;
  SimLock& operator=(const SimLock&) = delete;
  Result<void> pwrite(ByteView, std::uint64_t) override { return not_a_file(); }
  Result<void> pread(Bytes&, std::size_t, std::uint64_t) override { return not_a_file(); }
  Result<void> fdatasync() override { return not_a_file(); }
  Result<void> fallocate(std::uint64_t) override { return not_a_file(); }
  Result<void> truncate(std::uint64_t) override { return not_a_file(); }
  Result<std::uint64_t> size() override { return std::uint64_t{0}; }

 private:
  [[nodiscard]] Error not_a_file() const { return {Fault::unsupported, path_ + " is a lock", 0}; }
  std::shared_ptr<SimDisk::State> state_;
  std::string path_;
  std::uint64_t generation_;
};

// How one crash treats sectors that were not synced: none, all, a prefix, or each by itself.
class CrashMode {
 public:
  explicit CrashMode(Rng& rng) : rng_(rng), mode_(rng.below(4)), keep_(rng.below(8)) {}
  bool keep() {
    switch (mode_) {
      case 0: return false;
      case 1: return true;
      case 2: return keep_ > 0 && keep_-- > 0;
      default: return rng_.below(2) == 0;
    }
  }

 private:
  Rng& rng_;
  std::uint64_t mode_;
  std::uint64_t keep_;
};

void lose_power(Inode& inode, Rng& rng) {
  CrashMode mode(rng);
  if (inode.size_dirty && rng.below(2) == 0) inode.platter.resize(inode.cache.size(), 0);
  for (const std::size_t sector : inode.dirty) {
    if (!mode.keep()) continue;
    const std::size_t end = std::min((sector + 1) * kSector, inode.cache.size());
    if (inode.platter.size() < end) inode.platter.resize(end, 0);
    copy_sector(inode, inode.platter, sector);
  }
  inode.dirty.clear();
  inode.size_dirty = false;
  inode.cache = inode.platter;
}

}  // namespace

SimDisk::SimDisk() : state_(std::make_shared<State>()) {}
SimDisk::~SimDisk() = default;

Result<std::unique_ptr<DiskFile>> SimDisk::open(const std::string& path, OpenMode mode) {
  if (auto entered = state_->enter(SimCall::open, path); !entered) return std::move(entered).error();
  const auto found = state_->names.find(path);
  if (mode == OpenMode::create_new) {
    if (found != state_->names.end()) return Error{Fault::exists, path, 0};
    if (!state_->directories.contains(parent_of(path))) return Error{Fault::not_found, path, 0};
    auto inode = std::make_shared<Inode>();
    state_->change(path, inode);
    return std::unique_ptr<DiskFile>(std::make_unique<SimFile>(state_, std::move(inode), path, true));
  }
  if (found == state_->names.end()) return Error{Fault::not_found, path, 0};
  return std::unique_ptr<DiskFile>(
      std::make_unique<SimFile>(state_, found->second, path, mode == OpenMode::read_write));
}

Result<void> SimDisk::rename(const std::string& from, const std::string& to) {
  if (auto entered = state_->enter(SimCall::rename, from); !entered) return entered;
  if (state_->directories.contains(from)) return rename_folder(from, to);
  const auto found = state_->names.find(from);
  if (found == state_->names.end()) return Error{Fault::not_found, from, 0};
  // One change of one directory: never half of it. The pair is kept or lost together by power_loss.
  const std::shared_ptr<Inode> inode = found->second;
  state_->change(to, inode);
  state_->change(from, nullptr);
  return {};
}

// What its folders hold is taken to be durable by then: their names have a journal of their own.
Result<void> SimDisk::rename_folder(const std::string& from, const std::string& to) {
  const auto below = [](const std::string& path, const std::string& folder) {
    return path == folder || path.starts_with(folder + "/");
  };
  for (const auto& [path, inode] : state_->names) {
    if (below(path, to)) return Error{Fault::exists, to, 0};
  }
  for (auto& [directory, changes] : state_->pending) {
    if (!below(directory, from)) continue;
    for (const NameChange& change : changes) State::apply(state_->durable_names, change);
    changes.clear();
  }
  std::set<std::string> moved;
  for (const std::string& path : state_->directories) {
    if (!below(path, to)) moved.insert(below(path, from) ? to + path.substr(from.size()) : path);
  }
  state_->directories = std::move(moved);
  State::move_names(state_->names, from, to);
  state_->move_words(from, to);
  state_->pending[parent_of(from)].push_back({to, nullptr, from});
  return {};
}

Result<void> SimDisk::remove(const std::string& path) {
  if (auto entered = state_->enter(SimCall::remove, path); !entered) return entered;
  if (state_->directories.erase(path) > 0) return {};
  if (!state_->names.contains(path)) return Error{Fault::not_found, path, 0};
  state_->change(path, nullptr);
  return {};
}

Result<void> SimDisk::fsync_dir(const std::string& directory) {
  if (auto entered = state_->enter(SimCall::fsync_dir, directory); !entered) return entered;
  for (const NameChange& change : state_->pending[directory]) State::apply(state_->durable_names, change);
  state_->pending[directory].clear();
  return {};
}

Result<void> SimDisk::make_dir(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    state_->directories.insert(path.substr(0, at));
  }
  state_->directories.insert(path);
  return {};
}

Result<std::vector<std::string>> SimDisk::list(const std::string& directory) {
  if (!state_->directories.contains(directory)) return Error{Fault::not_found, directory, 0};
  std::vector<std::string> out;
  for (const auto& [path, inode] : state_->names) {
    if (parent_of(path) == directory) out.push_back(path.substr(directory.size() + 1));
  }
  return out;
}

void SimDisk::let_go(const std::string& path) {
  state_->let_go.push_back(path);
  const auto found = state_->names.find(path);
  if (found == state_->names.end()) return;
  Inode& inode = *found->second;
  for (std::size_t sector = 0; sector * kSector < inode.cache.size(); ++sector) {
    if (!inode.dirty.contains(sector)) forget_sector(inode, sector);
  }
}

const std::vector<std::string>& SimDisk::were_let_go() const { return state_->let_go; }

Result<bool> SimDisk::exists(const std::string& path) {
  return state_->names.contains(path) || state_->directories.contains(path);
}

Result<std::unique_ptr<SharedWord>> SimDisk::map_word(const std::string& path, unsigned index) {
  if (!state_->directories.contains(parent_of(path))) return Error{Fault::not_found, path, 0};
  return std::unique_ptr<SharedWord>(std::make_unique<SimWord>(state_, state_->words[{path, index}]));
}

Result<std::unique_ptr<DiskFile>> SimDisk::lock(const std::string& path) {
  if (state_->locks.contains(path)) return Error{Fault::locked, path, 0};
  return std::unique_ptr<DiskFile>(std::make_unique<SimLock>(state_, path));
}

void SimDisk::kill() {
  ++state_->generation;
  state_->locks.clear();
}

void SimDisk::power_loss(Rng& rng) {
  kill();
  for (auto& [directory, changes] : state_->pending) {
    const std::size_t kept = changes.empty() ? 0 : rng.below(changes.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) {
      State::apply(state_->durable_names, changes[i]);
      // The two halves of a rename are one: a new name of an inode takes the removal that follows with it.
      const bool halves = i + 1 == kept && kept < changes.size() && changes[i].now;
      if (halves && !changes[i + 1].now && changes[i + 1].folder_from.empty()) {
        State::apply(state_->durable_names, changes[i + 1]);
      }
    }
    for (std::size_t i = changes.size(); i-- > kept;) {
      if (!changes[i].folder_from.empty()) state_->move_words(changes[i].path, changes[i].folder_from);
    }
    changes.clear();
  }
  state_->names = state_->durable_names;
  for (const auto& [path, inode] : state_->names) (void)make_dir(parent_of(path));
  std::set<Inode*> seen;
  for (auto& [path, inode] : state_->names) {
    if (seen.insert(inode.get()).second) lose_power(*inode, rng);
  }
  for (auto& [key, word] : state_->words) {
    if (rng.below(2) == 0) word.value = word.history[rng.below(word.history.size())];
    word.history = {word.value};
  }
}

void SimDisk::fail(SimCall call, Fault fault, unsigned skip, unsigned times) {
  state_->armed.at(static_cast<std::size_t>(call)) = Armed{fault, skip, times};
}
void SimDisk::clear_faults() {
  state_->armed = {};
  state_->slow = {};
}
void SimDisk::slow(SimCall call, unsigned times, std::function<void()> wait) {
  state_->slow.at(static_cast<std::size_t>(call)) = {times, std::move(wait)};
}
std::uint64_t SimDisk::slowed() const { return state_->slowed; }
std::uint64_t SimDisk::calls(SimCall call) const { return state_->calls.at(static_cast<std::size_t>(call)); }
std::uint64_t SimDisk::fired(SimCall call) const { return state_->fired.at(static_cast<std::size_t>(call)); }

SimDisk::Image SimDisk::image() const {
  Image image;
  for (const auto& [path, inode] : state_->names) image.files[path] = inode->cache;
  for (const auto& [key, word] : state_->words) image.words[key] = word.value;
  return image;
}

void SimDisk::put_back(const Image& image) {
  kill();
  state_->names.clear();
  state_->durable_names.clear();
  state_->pending.clear();
  for (const auto& [path, content] : image.files) put(path, content);
  for (const auto& [key, value] : image.words) (void)state_->words[key];
  for (auto& [key, word] : state_->words) {
    const auto found = image.words.find(key);
    word.value = found == image.words.end() ? 0 : found->second;
    word.history = {word.value};
  }
}

void SimDisk::flip_bit(const std::string& path, std::uint64_t byte, unsigned bit) {
  Inode& inode = *state_->at(path);
  for (Bytes* bytes : {&inode.cache, &inode.platter}) {
    if (byte < bytes->size()) (*bytes)[byte] ^= static_cast<std::uint8_t>(1U << bit);
  }
}

void SimDisk::zero(const std::string& path, std::uint64_t from, std::uint64_t size) {
  Inode& inode = *state_->at(path);
  for (Bytes* bytes : {&inode.cache, &inode.platter}) {
    for (std::uint64_t i = from; i < std::min<std::uint64_t>(from + size, bytes->size()); ++i) (*bytes)[i] = 0;
  }
}

void SimDisk::erase(const std::string& path) {
  state_->names.erase(path);
  state_->durable_names.erase(path);
}

Bytes SimDisk::content(const std::string& path) const { return state_->at(path)->cache; }

void SimDisk::put(const std::string& path, Bytes content) {
  std::erase_if(state_->pending[parent_of(path)], [&](const NameChange& change) { return change.path == path; });
  auto inode = std::make_shared<Inode>();
  inode->cache = content;
  inode->platter = std::move(content);
  state_->names[path] = inode;
  state_->durable_names[path] = inode;
}

std::vector<std::string> SimDisk::files() const {
  std::vector<std::string> out;
  for (const auto& [path, inode] : state_->names) out.push_back(path);
  return out;
}

}  // namespace wayside::test
