#include "spool/segment_file.h"

#include <algorithm>
#include <charconv>

namespace wayside::spool {
namespace {

constexpr std::size_t kDigits = 20;

std::optional<Offset> parse_name(const std::string& name) {
  if (name.size() != kDigits + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix)) return std::nullopt;
  Offset base;
  const char* end = name.data() + kDigits;
  const auto parsed = std::from_chars(name.data(), end, base.value);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return base;
}

}  // namespace

std::string segment_path(const std::string& dir, Offset base) {
  const std::string digits = std::to_string(base.value);
  return dir + "/" + std::string(kDigits - digits.size(), '0') + digits + std::string(kSegmentSuffix);
}

Result<std::vector<Offset>> list_segments(Disk& disk, const std::string& dir) {
  auto names = disk.list(dir);
  if (!names) return std::move(names).error();
  std::vector<Offset> bases;
  for (const std::string& name : names.value()) {
    if (const auto base = parse_name(name)) bases.push_back(*base);
  }
  std::sort(bases.begin(), bases.end());
  return bases;
}

Result<SyncedPage> SyncedPage::open(Disk& disk, const std::string& dir) {
  SyncedPage page;
  std::unique_ptr<SharedWord>* const words[] = {&page.value_, &page.copy_, &page.branch_at_, &page.branch_};
  for (unsigned index = 0; index < std::size(words); ++index) {
    auto word = disk.map_word(dir + "/" + kSyncedPage, index);
    if (!word) return std::move(word).error();
    *words[index] = std::move(word).value();
  }
  return page;
}

Offset SyncedPage::evidence() const { return {std::min(value_->load(), copy_->load())}; }

void SyncedPage::store(Offset synced) {
  copy_->store(synced.value);
  value_->store(synced.value);
}

void SyncedPage::store(const Branch& branch) {
  branch_at_->store(branch.offset.value);
  branch_->store(branch.id);
}

Result<ByteView> FileWindow::read(std::uint64_t at, std::size_t size) {
  if (auto done = file_->pread(buffer_, std::max(size, kWindowBytes), at); !done) {
    buffer_.clear();
    return std::move(done).error();
  }
  start_ = at;
  return ByteView(buffer_).first(std::min(size, buffer_.size()));
}

Result<std::optional<Footer>> read_footer(const Identity& identity, FileWindow& file) {
  const std::optional<Footer> none;
  auto size = file.size();
  if (!size) return std::move(size).error();
  if (*size < kHeaderBytes + kTrailerBytes) return none;
  auto trailer = file.view(*size - kTrailerBytes, kTrailerBytes);
  if (!trailer) return std::move(trailer).error();
  const std::uint32_t bytes = footer_bytes_from_trailer(identity, *trailer);
  if (bytes == 0 || *size < kHeaderBytes + bytes) return none;
  auto footer = file.view(*size - bytes, bytes);
  if (!footer) return std::move(footer).error();
  auto decoded = decode_footer(identity, *footer);
  // A footer that does not stand where it says it stands is a piece of another file.
  if (decoded && decoded->data_bytes + bytes != *size) return none;
  return decoded;
}

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

Result<Claims> read_claims(const Identity& identity, FileWindow& file) {
  Claims claims;
  for (std::size_t slot = 0; slot < kClaimSlots; ++slot) {
    auto sector = file.view(kClaimAt + slot * kSectorBytes, kSectorBytes);
    if (!sector) return std::move(sector).error();
    const auto claim = decode_claim(identity, *sector);
    if (!claim && !all_zero(*sector)) claims.rotten = true;
    if (claim && (!claims.newest || claim->sequence > claims.newest->sequence)) claims.newest = claim;
  }
  return claims;
}

Result<std::optional<Digest>> claimed_digest(const Identity& identity, FileWindow& file, Offset at) {
  const std::optional<Digest> none;
  auto claims = read_claims(identity, file);
  if (!claims) return std::move(claims).error();
  const std::optional<Claim>& claim = claims->newest;
  if (!claim) return none;
  if (claim->head == at) return std::optional<Digest>(claim->head_digest);
  return claim->before == at ? std::optional<Digest>(claim->before_digest) : none;
}

}  // namespace wayside::spool
