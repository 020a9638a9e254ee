// Looking into documents of kinds that have no message of their own. Private to this folder.
#ifndef MESH_ANALYSIS_DOCUMENT_H_
#define MESH_ANALYSIS_DOCUMENT_H_

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "google/protobuf/struct.pb.h"

namespace mesh::analysis {

// What stands under the keys, one after the other; null where something is missing. What is
// returned lives as long as the document.
const google::protobuf::Value* Find(const google::protobuf::Struct& document,
                                    std::initializer_list<std::string_view> keys);
// The same where it is a text, a mapping, a list.
const std::string* FindText(const google::protobuf::Struct& document,
                            std::initializer_list<std::string_view> keys);
const google::protobuf::Struct* FindMapping(const google::protobuf::Struct& document,
                                            std::initializer_list<std::string_view> keys);
const google::protobuf::ListValue* FindList(const google::protobuf::Struct& document,
                                            std::initializer_list<std::string_view> keys);

// A mapping of texts, such as labels; other values are left out.
std::map<std::string, std::string> Texts(const google::protobuf::Struct* mapping);

// Whether Kubernetes' LabelSelector (matchLabels, matchExpressions) selects the labels; null
// selects everything.
bool SelectorMatches(const google::protobuf::Struct* selector,
                     const std::map<std::string, std::string>& labels);

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_DOCUMENT_H_
