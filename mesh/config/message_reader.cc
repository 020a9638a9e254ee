// How it reads: one walk over the tree, led by the schema of the message. Every key opens a field
// in the table of positions and in the path, its value is read, the field is closed. An error says
// the path as it stands then and the place of the node at fault, and the walk goes on beside it.

#include "mesh/config/message_reader.h"

#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/reflection.h"
#include "mesh/base/strings.h"
#include "mesh/config/field_path.h"

namespace mesh::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Form = FieldSchema::Form;

}  // namespace

bool MessageReader::Spend(uint32_t node, size_t work) {
  *work_ += work;
  if (*work_ <= limit_) return true;
  if (!said_exhausted_) {
    said_exhausted_ = true;
    Fail(node, absl::StrCat("aliases expand to more than ", kMostAliased,
                            " values; write them out where they are few"));
  }
  return false;
}

bool MessageReader::Visit(uint32_t node) {
  if (path_.size() > 2 * YamlTree::kMaxDepth && !exhausted()) {
    // Aliases nest what they stand for deeper than the text is.
    said_exhausted_ = true;
    Fail(node, absl::StrCat("nested deeper than ", 2 * YamlTree::kMaxDepth));
    *work_ = limit_ + 1;
  }
  const YamlNode& n = tree_.node(node);
  return Spend(node, n.type == YamlNode::Type::kScalar ? 1 + n.size / 32 : 1);
}

Positions::Place MessageReader::PlaceOf(uint32_t node) const {
  // The alias, not what it stands for: that is where the field was written.
  return Positions::Place{tree_.raw(node).line, tree_.raw(node).column};
}

void MessageReader::Open(std::string_view name, uint32_t key) {
  positions_.OpenKey(name, true, PlaceOf(key));
  path_.push_back({name, 0, false});
}

void MessageReader::OpenIndex(uint32_t index, uint32_t item) {
  positions_.OpenIndex(index, PlaceOf(item));
  path_.push_back({std::string_view(), index, false});
}

void MessageReader::Close() {
  ++opened_;
  positions_.Close();
  path_.pop_back();
}

Positions MessageReader::TakePositions() {
  if (opened_ * 5 / 4 < reserved_ || opened_ > reserved_) positions_.ShrinkToFit();
  return std::move(positions_);
}

std::string MessageReader::Path() const {
  std::string path;
  for (const Step& step : path_) {
    path = step.name.data() == nullptr ? IndexPath(path, step.index)
           : step.is_map_key           ? KeyPath(path, step.name)
                                       : FieldPath(path, step.name);
  }
  return path;
}

void MessageReader::Fail(uint32_t node, std::string message) {
  if (errors_.size() > kMostErrors) return;
  if (errors_.size() == kMostErrors) {
    message = "there are more errors than these; what follows is not said";
  }
  FieldError error;
  error.position.file = file_;
  error.position.line = tree_.raw(node).line;
  error.position.column = tree_.raw(node).column;
  error.field = Path();
  error.message = std::move(message);
  errors_.push_back(std::move(error));
}

void MessageReader::FailType(uint32_t node, std::string_view wanted) {
  const YamlNode& n = tree_.node(node);
  std::string message =
      absl::StrCat(Absl(wanted), " is wanted, this is ", DescribeNode(tree_, node));
  if (n.type == YamlNode::Type::kScalar && absl::StartsWith(Absl(wanted), "a string")) {
    absl::StrAppend(&message, " to YAML; put it in quotes: \"", Absl(tree_.text(n).substr(0, 60)),
                    "\"");
  } else if (wanted == "a list") {
    absl::StrAppend(&message, "; begin each item with \"- \"");
  } else if (n.type == YamlNode::Type::kScalar && n.style == YamlNode::Style::kString) {
    const Scalar bare = ResolvePlain(tree_.text(n));
    const bool number = bare.type == Scalar::Type::kInteger || bare.type == Scalar::Type::kFloat;
    if ((number && absl::StrContains(Absl(wanted), "number")) ||
        (bare.type == Scalar::Type::kBool && wanted == "true or false")) {
      absl::StrAppend(&message, "; leave the quotes out: ", Absl(tree_.text(n)));
    }
  }
  Fail(node, std::move(message));
}

void MessageReader::FailUnknown(uint32_t key, std::vector<std::string_view> known) {
  const std::string_view name = tree_.text(tree_.node(key));
  std::string message = absl::StrCat("unknown field \"", Absl(name.substr(0, 200)),
                                     name.size() > 200 ? "..." : "", "\"");
  // Looking for the nearest name is only worth it for what could be one.
  const bool guess = name.size() <= 64 && errors_.size() < kMostGuesses;
  const std::string_view nearest = guess ? NearestName(name, known) : "";
  if (!nearest.empty()) {
    absl::StrAppend(&message, ", did you mean \"", Absl(nearest), "\"?");
  } else if (known.size() <= 12) {
    std::sort(known.begin(), known.end());
    absl::StrAppend(
        &message, "; there is ",
        absl::StrJoin(known, ", ", [](std::string* out, std::string_view n) { out->append(n); }));
  }
  Fail(key, std::move(message));
}

void MessageReader::CheckOneof(const FieldSchema& schema, uint32_t key, const Message& message) {
  const google::protobuf::OneofDescriptor* oneof = schema.field->real_containing_oneof();
  if (oneof == nullptr || !message.GetReflection()->HasOneof(message, oneof)) return;
  const FieldDescriptor* other = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  if (other == schema.field) return;
  Fail(key, absl::StrCat("only one of ", other->json_name(), " and ", Absl(schema.json_name),
                         " may be given"));
}

void MessageReader::Read(uint32_t mapping, const MessageSchema& schema, const Options& options,
                         Message* message) {
  if (!Visit(mapping)) return;
  if (tree_.node(mapping).type != YamlNode::Type::kMapping) {
    if (!tree_.IsNull(mapping)) FailType(mapping, "a mapping");
    return;
  }
  // Fields that are there, by index: two spellings of one field are a key given twice.
  uint64_t seen_low = 0;
  std::vector<bool> seen_high;
  for (const Entry& entry : Entries(mapping)) {
    const std::string_view name = tree_.text(tree_.node(entry.key));
    const FieldSchema* field = schema.Find(name);
    if (field == nullptr) {
      if (!options.strict) continue;
      std::vector<std::string_view> known;
      for (const FieldSchema& f : schema.fields) known.push_back(f.json_name);
      FailUnknown(entry.key, std::move(known));
      continue;
    }
    const size_t index = field - schema.fields.data();
    bool twice = false;
    if (index < 64) {
      twice = (seen_low >> index & 1) != 0;
      seen_low |= uint64_t{1} << index;
    } else {
      if (seen_high.size() <= index) seen_high.resize(index + 1);
      twice = seen_high[index];
      seen_high[index] = true;
    }
    if (twice) {
      Fail(entry.key, absl::StrCat("\"", Absl(name), "\" and \"", Absl(field->json_name),
                                   "\" are the same field; keep one"));
      continue;
    }
    if (tree_.IsNull(entry.value) && field->form != Form::kValue) continue;
    if (!options.on_top) CheckOneof(*field, entry.key, *message);
    Open(field->json_name, entry.key);
    ReadField(*field, entry.value, options, message);
    Close();
  }
}

void MessageReader::ReadField(const FieldSchema& schema, uint32_t value, const Options& options,
                              Message* message) {
  if (schema.map) {
    ReadMap(schema, value, options, message);
    return;
  }
  if (!schema.repeated) {
    ReadValue(schema, value, options, message);
    return;
  }
  if (options.on_top) message->GetReflection()->ClearField(message, schema.field);
  const YamlNode& node = tree_.node(value);
  if (node.type != YamlNode::Type::kSequence) {
    FailType(value, "a list");
    return;
  }
  uint32_t index = 0;
  for (uint32_t item = node.first; item != 0; item = tree_.raw(item).next) {
    if (exhausted()) return;
    OpenIndex(index++, item);
    ReadValue(schema, item, options, message);
    Close();
  }
}

void MessageReader::ReadMap(const FieldSchema& schema, uint32_t value, const Options& options,
                            Message* message) {
  if (!Visit(value)) return;
  if (tree_.node(value).type != YamlNode::Type::kMapping) {
    FailType(value, "a mapping");
    return;
  }
  if (schema.string_map) {
    ReadStringMap(schema, value, message);
    return;
  }
  const FieldSchema* key_schema = schema.message->Find("key");
  const FieldSchema* value_schema = schema.message->Find("value");
  for (const Entry& entry : Entries(value)) {
    if (exhausted()) return;
    const std::string_view name = tree_.text(tree_.node(entry.key));
    positions_.OpenKey(name, false, PlaceOf(entry.key));
    path_.push_back({name, 0, true});
    // Reflection writes entries of maps as messages.
    Message* added = message->GetReflection()->AddMessage(message, schema.field);
    bool good = true;
    if (key_schema->form == Form::kString) {
      CheckStringKey(entry.key);
      added->GetReflection()->SetString(added, key_schema->field, std::string(name));
    } else {
      const bool quoted = tree_.node(entry.key).style == YamlNode::Style::kString;
      const Scalar number = quoted ? ResolveQuotedInteger(name) : ResolvePlain(name);
      good = number.type == Scalar::Type::kInteger && !number.negative &&
             number.magnitude <= std::numeric_limits<uint32_t>::max();
      if (good) {
        added->GetReflection()->SetUInt32(added, key_schema->field,
                                          static_cast<uint32_t>(number.magnitude));
      } else {
        Fail(entry.key,
             absl::StrCat("the keys here are whole numbers, this is \"", Absl(name), "\""));
      }
    }
    if (tree_.IsNull(entry.value)) {
      // An empty string, a zero; but a message is there or is not.
      if (value_schema->form == Form::kMessage) {
        Fail(entry.value, "a mapping is wanted, this is null; write {} for an empty one");
      }
    } else if (good) {
      ReadValue(*value_schema, entry.value, options, added);
    }
    Close();
  }
}

// As bytes of the wire, which the message takes into its map by itself: reflection would make a
// message of every entry first.
void MessageReader::ReadStringMap(const FieldSchema& schema, uint32_t value, Message* message) {
  constexpr uint32_t kLengthDelimited = 2;
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    const auto string_size = [](size_t size) {
      return 1 + google::protobuf::io::CodedOutputStream::VarintSize64(size) + size;
    };
    const auto write = [&out](int field, std::string_view text) {
      out.WriteTag(static_cast<uint32_t>(field) << 3 | kLengthDelimited);
      out.WriteVarint64(text.size());
      if (!text.empty()) out.WriteRaw(text.data(), static_cast<int>(text.size()));
    };
    for (const Entry& entry : Entries(value)) {
      if (exhausted()) return;
      const std::string_view name = tree_.text(tree_.node(entry.key));
      positions_.OpenKey(name, false, PlaceOf(entry.key));
      path_.push_back({name, 0, true});
      CheckStringKey(entry.key);
      const std::string_view text =
          Visit(entry.value) ? ReadText(entry.value).value_or("") : std::string_view();
      out.WriteTag(static_cast<uint32_t>(schema.field->number()) << 3 | kLengthDelimited);
      out.WriteVarint64(string_size(name.size()) + string_size(text.size()));
      write(1, name);
      write(2, text);
      Close();
    }
  }
  message->MergeFromString(bytes);
}

Message* MessageReader::SubMessage(const FieldSchema& schema, Message* message) {
  const Reflection* reflection = message->GetReflection();
  if (schema.prototype == nullptr) return reflection->MutableMessage(message, schema.field);
  // What AddMessage does, but for finding the prototype.
  Message* const added = schema.prototype->New(message->GetArena());
  reflection->UnsafeArenaAddAllocatedMessage(message, schema.field, added);
  return added;
}

}  // namespace mesh::config
