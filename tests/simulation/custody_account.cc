#include "tests/simulation/custody_account.h"

#include <algorithm>

#include "schemas/record.h"

namespace wayside::test {

std::string CustodyAccount::published(Publication publication) {
  const std::string name = "#" + publication.message + "/" + std::to_string(++last_name_);
  publications_.emplace(name, std::move(publication));
  return name;
}

std::string CustodyAccount::name_in(ByteView payload) {
  const std::string_view text = as_text(payload);
  return text.starts_with('#') ? std::string(text.substr(0, text.find(' '))) : std::string();
}

// A repeated QoS 2 PUBLISH is acknowledged for the one that is stored.
void CustodyAccount::acknowledged(const std::string& name) {
  Publication& publication = publications_.at(name);
  publication.acknowledged = true;
  if (publication.qos == 2) {
    const std::uint64_t times = messages_[publication.message];
    if (times == 0) wrong(name + " has PUBREC and is not below synced");
  } else if (!stored(name)) {
    wrong(name + " has PUBACK and is not below synced");
  }
}

void CustodyAccount::refused(const std::string& name) {
  Publication& publication = publications_.at(name);
  publication.refused = true;
  if (stored(name)) wrong(name + " was refused and is in " + where_.at(name));
}

void CustodyAccount::look(const spool::Volume& volume, bool started) {
  for (const Lane lane : kAllLanes) {
    auto reader = spool::LaneReader::open(disk_, volume.lane_dir(lane), volume.uuid, lane);
    if (!reader) return wrong(std::string(to_string(lane)) + ": cannot be read");
    std::vector<std::string>& names = lanes_[index_of(lane)];
    const Offset synced = (*reader)->synced();
    if (synced.value < names.size()) return wrong(std::string(to_string(lane)) + ": committed records vanished");
    const auto oldest = (*reader)->oldest();
    if (!oldest) return wrong(std::string(to_string(lane)) + ": cannot be read");
    Offset at{started ? 0 : names.size()};
    if (at < *oldest && oldest->value > names.size()) return wrong(std::string(to_string(lane)) + ": unread and gone");
    at = std::max(at, *oldest);
    while (at < synced) {
      const auto records = (*reader)->read(at, 512, 8U << 20U);
      if (!records || records->empty()) break;
      for (const spool::ReadRecord& record : *records) {
        const auto decoded = schemas::decode_record(record.body);
        if (record.lost || !decoded) return wrong(std::string(to_string(lane)) + ": a record is lost");
        met(lane, record.offset, name_in(decoded->payload), started);
      }
      at = records->back().offset + 1;
    }
    if (at < synced) return wrong(std::string(to_string(lane)) + ": what is synced cannot be read");
    if (!due_[index_of(lane)].empty()) return wrong(*due_[index_of(lane)].begin() + " was committed and vanished");
    if (started) not_committed(lane);  // what recovery cut may be back after the next loss of power
  }
}

void CustodyAccount::met(Lane lane, Offset offset, const std::string& name, bool after_death) {
  std::vector<std::string>& names = lanes_[index_of(lane)];
  const std::string here = std::string(to_string(lane)) + " " + std::to_string(offset.value);
  if (offset.value < names.size()) {
    if (names[offset.value] != name) wrong(here + " held " + names[offset.value] + " and holds " + name);
    return;
  }
  names.push_back(name);
  if (name.empty()) return;  // the gate's own: presence
  const auto found = publications_.find(name);
  if (found == publications_.end()) return wrong(here + " holds " + name + ", which nobody published");
  if (!where_.emplace(name, here).second) return wrong(name + " is in " + where_.at(name) + " and " + here);
  const Publication& publication = found->second;
  const bool due = due_[index_of(lane)].erase(name) > 0;
  const bool open = written_[index_of(lane)].contains(name) || failed_[index_of(lane)].contains(name);
  const bool survivor = !due && after_death && open;
  if (!due && !survivor) return wrong(here + " holds " + name + ", whose group was not committed");
  survivors_ += survivor ? 1 : 0;
  if (publication.refused && survivor) told_fault_.insert(publication.message);
  if (publication.refused && !survivor) wrong(name + " was refused and is in " + here);
  if (publication.qos == 2 && ++messages_[publication.message] > 1 && !told_fault_.contains(publication.message)) {
    wrong(publication.message + ", QoS 2, is twice in lanes, the second time in " + here);
  }
  if (!publication.in_order) return;
  std::uint64_t& last = last_[index_of(lane)][publication.connection];
  if (publication.number < last) wrong(name + " was overtaken on its connection, in " + here);
  last = publication.number;
}

}  // namespace wayside::test
