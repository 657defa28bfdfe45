#include "schemas/signals.h"

#include "schemas/text.h"
#include "schemas/verified.h"

namespace wayside::schemas {
namespace {

bool data_in_range(const Signal& signal) {
  switch (signal.value_type()) {
    case Value::Int64Value:
    case Value::UInt64Value:
    case Value::DoubleValue:
    case Value::FloatValue:
    case Value::BoolValue: return signal.value() != nullptr;
    case Value::StringValue: {
      const StringValue* text = signal.value_as_StringValue();
      return text != nullptr && view(text->v()).size() <= kSignalTextBytesMax && valid_utf8(view(text->v()));
    }
    case Value::NONE: return false;
  }
  return false;  // a type this release does not know: the verifier lets it pass
}

bool signal_in_range(const Signal& signal) {
  return valid_path(view(signal.path())) && signal.t_ms() >= 0 && signal.t_ms() <= kTimeMsMax && data_in_range(signal);
}

SignalData signal_data(const Signal& signal) {
  switch (signal.value_type()) {
    case Value::Int64Value: return signal.value_as_Int64Value()->v();
    case Value::UInt64Value: return signal.value_as_UInt64Value()->v();
    case Value::DoubleValue: return signal.value_as_DoubleValue()->v();
    case Value::FloatValue: return signal.value_as_FloatValue()->v();
    case Value::BoolValue: return signal.value_as_BoolValue()->v();
    case Value::StringValue: return std::string(view(signal.value_as_StringValue()->v()));
    case Value::NONE: break;
  }
  WAYSIDE_ASSERT(false);  // its range was not checked
  return {};
}

flatbuffers::Offset<void> build_data(flatbuffers::FlatBufferBuilder& builder, const SignalData& data) {
  switch (data.index()) {
    case 0: return CreateInt64Value(builder, std::get<0>(data)).Union();
    case 1: return CreateUInt64Value(builder, std::get<1>(data)).Union();
    case 2: return CreateDoubleValue(builder, std::get<2>(data)).Union();
    case 3: return CreateFloatValue(builder, std::get<3>(data)).Union();
    case 4: return CreateBoolValue(builder, std::get<4>(data)).Union();
    default: return CreateStringValue(builder, builder.CreateString(std::get<5>(data))).Union();
  }
}

}  // namespace

bool signals_in_range(const SignalVector* signals, std::size_t count_min, std::size_t count_max) {
  const std::size_t count = signals == nullptr ? 0 : signals->size();
  if (count < count_min || count > count_max) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (!signal_in_range(*signals->Get(static_cast<flatbuffers::uoffset_t>(i)))) return false;
  }
  return true;
}

SignalValue signal_value(const Signal& signal) {
  return {std::string(view(signal.path())), WallMs{signal.t_ms()}, signal_data(signal)};
}

std::vector<SignalValue> signal_values(const SignalVector* signals) {
  std::vector<SignalValue> values;
  if (signals == nullptr) return values;
  values.reserve(signals->size());
  for (const Signal* signal : *signals) values.push_back(signal_value(*signal));
  return values;
}

flatbuffers::Offset<SignalVector> build_signals(flatbuffers::FlatBufferBuilder& builder,
                                                std::span<const SignalValue> signals) {
  // A field equal to its default is left out, and -0.0 == 0.0: without this the sign is lost.
  builder.ForceDefaults(true);
  std::vector<flatbuffers::Offset<Signal>> offsets;
  offsets.reserve(signals.size());
  for (const SignalValue& signal : signals) {
    const auto data = build_data(builder, signal.value);
    const auto path = builder.CreateString(signal.path);
    const auto type = static_cast<Value>(signal.value.index() + 1);
    offsets.push_back(CreateSignal(builder, path, signal.t.value, type, data));
  }
  builder.ForceDefaults(false);
  return builder.CreateVector(offsets);
}

}  // namespace wayside::schemas
