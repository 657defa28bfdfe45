// The least that durable needs: bytes of many into one write and one fdatasync, on a thread of its own.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/disk.h"
#include "common/types.h"

namespace wayside::bench {

// No records, no checksums, no chain: a file of fixed size, written from its start to its end and over again. What was
// in it is gone then; nobody reads it.
//
// Owns    the file and a thread.   Thread  one calls.   Durable  what a write() had when done_fd() says so.
// Limits  one group at a time.
class GroupFile {
 public:
  static Result<std::unique_ptr<GroupFile>> create(const std::string& path);
  ~GroupFile();
  GroupFile(const GroupFile&) = delete;
  GroupFile& operator=(const GroupFile&) = delete;

  // An eventfd: readable when the group is durable.
  [[nodiscard]] int done_fd() const { return done_fd_; }
  // `group` becomes an empty one with memory. Not before the last one is done.
  void write(Bytes& group);

 private:
  GroupFile(std::unique_ptr<DiskFile> file, int done_fd);
  void run();

  std::unique_ptr<DiskFile> file_;
  int done_fd_;
  std::uint64_t at_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  Bytes group_;
  bool given_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace wayside::bench
