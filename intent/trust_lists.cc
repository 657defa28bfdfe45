#include "intent/trust_lists.h"

#include <algorithm>

namespace wayside::intent {
namespace {

template <typename List>
struct Named {
  std::string name;
  List list;
};

constexpr std::size_t kTypeAt = 5;

bool is_trust_list(const Bytes& content) {
  return content.size() > kTypeAt && content[kTypeAt] == static_cast<std::uint8_t>(SignedType::trust_list);
}

// Newest first: all older ones are then refused by number, whatever order the folder gave.
template <typename List>
void accept_newest_first(Trust& trust, std::vector<Named<List>>& lists, std::vector<RefusedList>& refused) {
  std::ranges::sort(lists, [](const auto& a, const auto& b) {
    return a.list.number != b.list.number ? a.list.number > b.list.number : a.name < b.name;
  });
  for (const auto& named : lists) {
    const auto accepted = trust.accept(named.list);
    if (!accepted) refused.push_back({named.name, accepted.reason()});
  }
}

}  // namespace

std::vector<RefusedList> accept_lists(Trust& trust, std::span<const ListFile> files) {
  std::vector<RefusedList> refused;
  std::vector<Named<TrustList>> trust_lists;
  std::vector<Named<RevocationList>> revocation_lists;
  for (const ListFile& file : files) {
    if (is_trust_list(file.content)) {
      auto list = open_trust_list(file.content);
      if (list.ok()) {
        trust_lists.push_back({file.name, std::move(list).value()});
      } else {
        refused.push_back({file.name, list.reason()});
      }
    } else {
      auto list = open_revocation_list(file.content);
      if (list.ok()) {
        revocation_lists.push_back({file.name, std::move(list).value()});
      } else {
        refused.push_back({file.name, list.reason()});
      }
    }
  }
  accept_newest_first(trust, trust_lists, refused);
  accept_newest_first(trust, revocation_lists, refused);
  return refused;
}

}  // namespace wayside::intent
