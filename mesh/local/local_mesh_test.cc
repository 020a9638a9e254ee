// What a local mesh says when it cannot start. That it works, tests/demo shows with the real
// programs.
#include "mesh/local/local_mesh.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mesh::local {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string TempPath(const std::string& name) {
  return std::string(getenv("TEST_TMPDIR")) + "/" + name;
}

std::string WriteFile(const std::string& name, const std::string& text) {
  std::ofstream(TempPath(name)) << text;
  return TempPath(name);
}

std::string Script(const std::string& name, const std::string& text) {
  const std::string path = WriteFile(name, "#!/bin/sh\n" + text);
  chmod(path.c_str(), 0700);
  return path;
}

LocalMeshOptions Options() {
  LocalMeshOptions options;
  options.files = {"examples/bookinfo/yaml"};
  options.programs = {"/no/meshd", "/no/mesh-proxy", "/no/bookinfo"};
  options.run_directory = TempPath(testing::UnitTest::GetInstance()->current_test_info()->name());
  return options;
}

std::string StartError(LocalMeshOptions options) {
  const auto mesh = LocalMesh::Start(std::move(options));
  return mesh.ok() ? "" : std::string(mesh.status().message());
}

TEST(LocalMeshTest, AFileThatIsNotThere) {
  LocalMeshOptions options = Options();
  options.files = {"/no/such.yaml"};
  EXPECT_EQ(StartError(options), "cannot read /no/such.yaml: No such file or directory");
}

TEST(LocalMeshTest, AProgramThatIsNotThere) {
  EXPECT_EQ(StartError(Options()), "cannot execute /no/meshd: No such file or directory");
}

TEST(LocalMeshTest, AGatewayOfYourOwn) {
  LocalMeshOptions options = Options();
  options.files.push_back(WriteFile("gateway.yaml", R"(apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {ports: [{port: 80, name: http2}]}
)"));
  EXPECT_EQ(StartError(options),
            "the YAML has a Service istio-system/istio-ingressgateway; the local mesh brings its "
            "own ingress gateway: leave yours out");
}

TEST(LocalMeshTest, ThePortOfThePageIsTaken) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  socklen_t size = sizeof(name);
  getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
  LocalMeshOptions options = Options();
  options.gateway_port = ntohs(name.sin_port);
  EXPECT_EQ(StartError(options),
            "another program listens on port " + std::to_string(options.gateway_port) +
                ", where the ingress gateway is to be: end it or choose another port");
  close(fd);
}

TEST(LocalMeshTest, AControlPlaneThatDiesIsStartedAgainAndItsLastWordsAreSaid) {
  MemoryLog log;
  LocalMeshOptions options = Options();
  options.programs.meshd = Script("meshd", "echo 'bad flag' >&2; exit 2\n");
  options.start_timeout = absl::Milliseconds(400);
  options.log = &log;
  EXPECT_THAT(StartError(options),
              StartsWith("meshd is not ready in time; " + options.run_directory +
                         "/log/meshd.log ends with:\nbad flag\n"));
  EXPECT_THAT(log.lines(),
              Contains("warning supervisor: meshd ended: exit code 2; it will be started again"));
  EXPECT_THAT(log.lines(),
              Contains(HasSubstr("files and logs of this run are in " + options.run_directory)));
}

TEST(LocalMeshTest, BrokenYamlIsSaidAloud) {
  MemoryLog log;
  LocalMeshOptions options = Options();
  options.log = &log;
  const std::string file = WriteFile("broken.yaml", R"(apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata: {name: g}
spec: {selectr: {a: b}}
)");
  options.files.push_back(file);
  StartError(options);
  EXPECT_THAT(log.lines(),
              Contains("warning local: " + file +
                       ":4:8: Gateway default/g spec: unknown field \"selectr\", did you mean "
                       "\"selector\"?"));
}

}  // namespace
}  // namespace mesh::local
