// Readers, settlements and link messages that do what a wrong edge or a wrong core would do.
#pragma once

#include "tests/simulation/world.h"

namespace wayside::test {

// Shows what the broker has appended and not yet synced.
EdgePorts::Reader reader_past_synced(World& world, Lane lane, EdgePorts::Reader plain);
// Skips a record: what stands at an offset is what stands at the next.
EdgePorts::Reader reader_that_hides_loss(EdgePorts::Reader plain);
// Finds no fork: whatever the core's digest is, the volume's own chain goes on from there.
EdgePorts::Reader reader_that_believes_the_core(World& world, Lane lane, EdgePorts::Reader plain);
// Settles what is lost as it is planned.
EdgePorts::Reader reader_that_settles_lost(World& world, Lane lane, EdgePorts::Reader plain);
// Replanned, a range gets the records of the plan before under its own offsets.
EdgePorts::Reader reader_of_the_old_plan(EdgePorts::Reader plain);
// Says one less of `lost`, and one more of `delivered`.
EdgePorts::Settlement settlement_off_by_one(EdgePorts::Settlement plain);

// The edge settles a batch as it sends it.
void settle_when_sent(World& world, const Packet& packet);
// The core answers NEXT with what its log has not synced.
void answer_before_sync(World& world);
// The closing spool is cut one record further, or one earlier.
void move_cut(Packet& packet, int by);
// Every byte of credit pays for half a byte.
void charge_credit_twice(Packet& packet);

}  // namespace wayside::test
