// Every SQL sentence of the store, prepared once.
#pragma once

#include <memory>

#include "command/sqlite/rows.h"

namespace wayside::command::sqlite {

struct Rows::Statements {
  Statement lease, put_lease, drop_lease;
  Statement find, put_command, move, pending, pending_of, pending_due, purge;
  Statement put_status, drop_status, outbox;
  Statement counter, put_counter;
  Statement list_number, put_list, lists;
  Statement mark, raise;
  Statement close, shrink;

  static Result<std::shared_ptr<Statements>> prepare(Database& database);
};

}  // namespace wayside::command::sqlite
