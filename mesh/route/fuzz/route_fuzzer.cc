// libFuzzer: tables and requests out of its bytes; the index against the scan.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "mesh/route/random_table.h"
#include "mesh/route/table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using mesh::route::Table;
  if (size < 8) return 0;
  mesh::route::RandomOptions options;
  options.max_hosts = 1 + data[0] % 3;
  options.max_rules = 1 + data[1] % 64;
  mesh::route::TableOptions table_options;
  table_options.ignore_path_parameters = (data[2] & 1) != 0;
  table_options.ignore_port_in_host = (data[2] & 2) != 0;
  // One time in eight too little for many regexes at once.
  if ((data[2] & 0x1c) == 0) table_options.regex_memory_bytes = 24 << 10;
  mesh::route::Random random(data + 3, size - 3);
  const auto hosts = mesh::route::RandomTable(&random, options);
  const Table::Built built = Table::Build(hosts, table_options);
  if (built.table == nullptr) {
    // Only for want of memory.
    if (table_options.regex_memory_bytes < (1 << 20)) return 0;
    std::fprintf(stderr, "%s\n", built.errors[0].ToString().c_str());
    std::abort();
  }
  table_options.regex_memory_bytes = mesh::route::TableOptions().regex_memory_bytes;
  table_options.index = false;
  const Table::Built plain = Table::Build(hosts, table_options);
  for (int i = 0; i < 16; ++i) {
    const mesh::route::RandomRequest made = mesh::route::MakeRandomRequest(&random);
    const mesh::route::Request request = made.request();
    const mesh::route::Match found = built.table->Find(request);
    const mesh::route::Match scanned = plain.table->Find(request);
    if (found.outcome != scanned.outcome || found.virtual_host != scanned.virtual_host ||
        found.rule != scanned.rule) {
      std::fprintf(stderr, "%s\nFind says rule %u\n%s", made.ToString().c_str(), found.rule,
                   built.table->Explain(request).ToString().c_str());
      std::abort();
    }
    if (random.spent()) break;
  }
  return 0;
}
