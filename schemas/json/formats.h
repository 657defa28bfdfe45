// One function a format, nullopt when it does not verify. Internal to schemas/json/.
#pragma once

#include <optional>
#include <string>

#include "common/types.h"
#include "schemas/ids.h"
#include "schemas/json/writer.h"

namespace wayside::schemas {

using Text = std::optional<std::string>;

Text signal_batch_json(ByteView payload);
Text event_json(ByteView payload);
Text command_ack_json(ByteView payload);
Text command_status_json(ByteView payload);
Text presence_json(ByteView payload);
Text answer_json(ByteView payload);

Text intent_json(ByteView body);
Text grant_json(ByteView body);
Text trust_list_json(ByteView body);
Text revocation_list_json(ByteView body);
Text signed_json(ByteView framed);  // "WSSG", one or two

Text hello_json(ByteView payload);
Text next_json(ByteView payload);
Text credit_json(ByteView payload);
Text rejected_json(ByteView payload);
Text settlement_json(ByteView payload);
Text down_batch_json(ByteView payload);
Text down_ack_json(ByteView payload);
Text batch_json(ByteView payload);

}  // namespace wayside::schemas
