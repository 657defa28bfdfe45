#include "intent/body.h"
#include "schemas/gen/grant_generated.h"
#include "schemas/gen/intent_generated.h"
#include "schemas/gen/revocationlist_generated.h"
#include "schemas/gen/trustlist_generated.h"
#include "schemas/ids.h"
#include "schemas/verified.h"

namespace wayside::intent {
namespace {

constexpr std::uint16_t kBodyVersion = 1;

std::vector<schemas::Key32> key_structs(const auto& keys) {
  std::vector<schemas::Key32> structs;
  structs.reserve(keys.size());
  for (const PublicKey& key : keys) structs.push_back(schemas::key_struct(key));
  return structs;
}

auto build_arguments(flatbuffers::FlatBufferBuilder& builder, const Intent& intent) {
  std::vector<flatbuffers::Offset<schemas::Argument>> arguments;
  for (const auto& [name, value] : intent.arguments) {
    const auto name_offset = builder.CreateString(name);
    arguments.push_back(schemas::CreateArgument(builder, name_offset, builder.CreateString(value)));
  }
  return builder.CreateVector(arguments);
}

}  // namespace

Bytes encode_body(const Intent& intent) {
  flatbuffers::FlatBufferBuilder builder(512);
  const auto vehicle = builder.CreateString(intent.vehicle);
  const auto region = builder.CreateString(intent.region);
  const auto group = builder.CreateString(intent.group);
  const auto name = builder.CreateString(intent.name);
  const auto arguments = build_arguments(builder, intent);
  const auto supersede_key = builder.CreateString(intent.supersede_key);
  const schemas::Id16 id = schemas::id_struct(intent.command_id);
  const schemas::Key32 key = schemas::key_struct(intent.issuer_key);
  schemas::FinishIntentBuffer(
      builder,
      schemas::CreateIntent(builder, kBodyVersion, vehicle, &id, &key, intent.grant_serial, region, group, name,
                            arguments, intent.created.value, intent.deadline.value, supersede_key, intent.counter));
  return schemas::take(builder);
}

Bytes encode_body(const Grant& grant) {
  flatbuffers::FlatBufferBuilder builder(1024);
  const auto vehicles = builder.CreateVectorOfStrings(grant.vehicles);
  const auto groups = builder.CreateVectorOfStrings(grant.groups);
  const auto region = builder.CreateString(grant.region);
  const schemas::Key32 grant_key = schemas::key_struct(grant.grant_key);
  const schemas::Key32 issuer_key = schemas::key_struct(grant.issuer_key);
  schemas::FinishGrantBuffer(
      builder, schemas::CreateGrant(builder, kBodyVersion, &grant_key, &issuer_key, grant.serial, vehicles, groups,
                                    grant.not_before.value, grant.not_after.value, region));
  return schemas::take(builder);
}

Bytes encode_body(const TrustList& list) {
  flatbuffers::FlatBufferBuilder builder(512);
  const auto keys = builder.CreateVectorOfStructs(key_structs(list.grant_keys));
  const schemas::Key32 root = schemas::key_struct(list.root_key);
  schemas::FinishTrustListBuffer(
      builder, schemas::CreateTrustList(builder, kBodyVersion, &root, list.number, list.issued.value, keys));
  return schemas::take(builder);
}

Bytes encode_body(const RevocationList& list) {
  flatbuffers::FlatBufferBuilder builder(1024);
  std::vector<flatbuffers::Offset<schemas::RevokedGrant>> grants;
  for (const auto& [grant_key, serial] : list.grants) {
    const schemas::Key32 key = schemas::key_struct(grant_key);
    grants.push_back(schemas::CreateRevokedGrant(builder, &key, serial));
  }
  const auto grants_offset = builder.CreateVector(grants);
  const auto issuers = builder.CreateVectorOfStructs(key_structs(list.issuer_keys));
  const schemas::Key32 key = schemas::key_struct(list.grant_key);
  schemas::FinishRevocationListBuffer(
      builder, schemas::CreateRevocationList(builder, kBodyVersion, &key, list.number, list.issued.value, grants_offset,
                                             issuers));
  return schemas::take(builder);
}

}  // namespace wayside::intent
