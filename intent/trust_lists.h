// The lists of a watched folder, taken together: trust lists by number first, because they say whose
// revocation lists count. Pure: the caller reads the files.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "intent/intent.h"

namespace wayside::intent {

struct ListFile {
  std::string name;
  Bytes content;
};
struct RefusedList {
  std::string name;
  Reason reason{};  // LIST_NUMBER_LOW for each that `trust` holds already, or something newer
};

// Accepts what is newer than `trust` holds. A bad file costs the others nothing.
std::vector<RefusedList> accept_lists(Trust& trust, std::span<const ListFile> files);

}  // namespace wayside::intent
