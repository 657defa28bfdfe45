#include "schemas/gen/batch_generated.h"
#include "schemas/gen/credit_generated.h"
#include "schemas/gen/downack_generated.h"
#include "schemas/gen/downbatch_generated.h"
#include "schemas/gen/hello_generated.h"
#include "schemas/gen/next_generated.h"
#include "schemas/gen/rejected_generated.h"
#include "schemas/gen/settlement_generated.h"
#include "schemas/json/formats.h"
#include "schemas/verified.h"

namespace wayside::schemas {
namespace {

std::string hex(const Digest128& value) { return to_string(digest(value)); }

// A value this release has no name for shows as its number.
template <typename Enum>
void write_enum(JsonWriter& json, std::string_view key, Enum value, const char* name) {
  json.key(key);
  if (*name == '\0') json.small(static_cast<std::uint32_t>(value));
  if (*name != '\0') json.text(name);
}

void write_lane(JsonWriter& json, LaneId lane) { write_enum(json, "lane", lane, EnumNameLaneId(lane)); }

void begin(JsonWriter& json, std::string_view format, const Uuid& spool, std::uint64_t session, LaneId lane) {
  json.begin_object().key("format").text(format).key("spool").text(to_string(spool_uuid(spool)));
  json.key("session").uint64(session);
  write_lane(json, lane);
}

void write_totals(JsonWriter& json, std::string_view name, const Totals& totals) {
  json.key(name).begin_object().key("delivered").uint64(totals.delivered());
  json.key("compacted").uint64(totals.compacted()).key("resent").uint64(totals.resent());
  json.key("expired").uint64(totals.expired()).key("lost").uint64(totals.lost()).end_object();
}

void write_cohorts(JsonWriter& json, const flatbuffers::Vector<flatbuffers::Offset<CohortTotals>>* cohorts) {
  json.key("cohorts").begin_object();
  if (cohorts != nullptr) {
    for (const auto* cohort : *cohorts) write_totals(json, view(cohort->cohort()), *cohort->totals());
  }
  json.end_object();
}

void write_texts(JsonWriter& json, std::string_view name,
                 const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* texts) {
  json.key(name).begin_array();
  if (texts != nullptr) {
    for (const auto* text : *texts) json.text(view(text));
  }
  json.end_array();
}

void write_runs(JsonWriter& json, const Batch& batch) {
  json.key("runs").begin_array();
  for (const auto* run : *batch.runs()) {
    json.begin_object();
    write_enum(json, "outcome", run->outcome(), EnumNameOutcome(run->outcome()));
    json.key("count").uint64(run->count()).end_object();
  }
  json.end_array();
}

void write_columns(JsonWriter& json, const Batch& batch) {
  json.key("signals").begin_array();
  if (batch.signals() != nullptr) {
    for (const auto* column : *batch.signals()) {
      json.begin_object().key("path").text(view(column->path()));
      write_enum(json, "type", column->type(), EnumNameColumnType(column->type()));
      json.key("samples").small(column->samples()).end_object();
    }
  }
  json.end_array();
}

// 64 bits by chance: as text, like other identities.
void write_branches(JsonWriter& json, const flatbuffers::Vector<const Branch*>* branches) {
  if (branches == nullptr) return;
  json.key("branches").begin_array();
  for (const Branch* branch : *branches) {
    json.begin_object()
        .key("offset")
        .uint64(branch->offset())
        .key("id")
        .text(std::to_string(branch->id()))
        .end_object();
  }
  json.end_array();
}

}  // namespace

Text hello_json(ByteView payload) {
  const Verified<Hello> hello(payload, HelloIdentifier());
  if (!hello) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("Hello").key("version_min").small(hello->version_min());
  json.key("version_max").small(hello->version_max()).key("edge").text(view(hello->edge()));
  json.key("region").text(view(hello->region())).key("spool").text(to_string(spool_uuid(*hello->spool())));
  json.key("session").uint64(hello->session()).key("product").text(view(hello->product()));
  json.key("lanes").begin_array();
  if (hello->lanes() != nullptr) {
    for (const auto* head : *hello->lanes()) {
      json.begin_object();
      write_lane(json, head->lane());
      json.key("settled").uint64(head->settled()).key("synced").uint64(head->synced());
      write_branches(json, head->branches());
      json.end_object();
    }
  }
  json.end_array();
  if (hello->adopt()) json.key("adopt").boolean(true);
  if (hello->closing()) json.key("closing").boolean(true);
  if (hello->previous() != nullptr) json.key("previous").text(to_string(spool_uuid(*hello->previous())));
  json.end_object();
  return out;
}

Text next_json(ByteView payload) {
  const Verified<Next> next(payload, NextIdentifier());
  if (!next) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  begin(json, "Next", *next->spool(), next->session(), next->lane());
  json.key("next").uint64(next->next()).key("digest").text(hex(*next->digest()));
  write_totals(json, "totals", *next->totals());
  write_cohorts(json, next->cohorts());
  json.key("forked").boolean(next->forked());
  if (next->closing()) json.key("common").uint64(next->common()).key("common_exact").boolean(next->common_exact());
  json.end_object();
  return out;
}

Text credit_json(ByteView payload) {
  const Verified<Credit> credit(payload, CreditIdentifier());
  if (!credit) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  begin(json, "Credit", *credit->spool(), credit->session(), credit->lane());
  json.key("limit_bytes").uint64(credit->limit_bytes());
  if (const auto from = credit->counted_from(); from.has_value()) json.key("counted_from").uint64(*from);
  json.end_object();
  return out;
}

Text rejected_json(ByteView payload) {
  const Verified<Rejected> rejected(payload, RejectedIdentifier());
  if (!rejected) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  begin(json, "Rejected", *rejected->spool(), rejected->session(), rejected->lane());
  json.key("first").uint64(rejected->first()).key("count").uint64(rejected->count());
  json.key("reason").text(view(rejected->reason())).end_object();
  return out;
}

Text settlement_json(ByteView payload) {
  const Verified<Settlement> settlement(payload, SettlementIdentifier());
  if (!settlement) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("Settlement").key("spool").text(to_string(spool_uuid(*settlement->spool())));
  write_lane(json, settlement->lane());
  json.key("first").uint64(settlement->first()).key("next").uint64(settlement->next());
  write_totals(json, "range", *settlement->range());
  write_totals(json, "running", *settlement->running());
  write_cohorts(json, settlement->cohorts());
  json.key("digest").text(hex(*settlement->digest())).end_object();
  return out;
}

Text down_batch_json(ByteView payload) {
  const Verified<DownBatch> batch(payload, DownBatchIdentifier());
  if (!batch) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("DownBatch").key("session").uint64(batch->session());
  json.key("items").begin_array();
  for (const auto* item : *batch->items()) {
    const Text request = signed_json({item->request()->data(), item->request()->size()});
    json.begin_object().key("sequence").uint64(item->sequence()).key("request");
    if (request) json.raw(*request);
    if (!request) json.text(to_hex({item->request()->data(), item->request()->size()}));
    json.end_object();
  }
  json.end_array().end_object();
  return out;
}

Text down_ack_json(ByteView payload) {
  const Verified<DownAck> ack(payload, DownAckIdentifier());
  if (!ack) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("DownAck").key("session").uint64(ack->session());
  json.key("answers").begin_array();
  for (const auto* answer : *ack->answers()) {
    json.begin_object().key("sequence").uint64(answer->sequence()).key("accepted").boolean(answer->accepted());
    json.key("reason").text(view(answer->reason())).end_object();
  }
  json.end_array().end_object();
  return out;
}

// What a batch says of itself; its values are the bridge's to decode.
Text batch_json(ByteView payload) {
  const Verified<Batch> batch(payload, BatchIdentifier());
  if (!batch) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  begin(json, "Batch", *batch->spool(), batch->session(), batch->lane());
  json.key("number").uint64(batch->number()).key("first").uint64(batch->first());
  json.key("count").uint64(batch->count()).key("before").text(hex(*batch->before()));
  json.key("after").text(hex(*batch->after())).key("framed_bytes").uint64(batch->framed_bytes());
  json.key("key_frame").boolean(batch->key_frame()).key("catalogue").text(view(batch->catalogue()));
  write_runs(json, *batch);
  json.key("records").small(batch->records());
  write_texts(json, "vehicles", batch->vehicles());
  write_texts(json, "topics", batch->topics());
  write_texts(json, "cohorts", batch->cohorts());
  write_texts(json, "catalogues", batch->catalogues());
  json.key("payload_bytes").small(batch->payloads() == nullptr ? 0 : batch->payloads()->size());
  write_columns(json, *batch);
  write_branches(json, batch->branches());
  json.end_object();
  return out;
}

}  // namespace wayside::schemas
