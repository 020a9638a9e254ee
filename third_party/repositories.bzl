"""Every external repository, under its usual name, from the system's packages.

A build with network access can define any of these names before it calls
mesh_sdk_dependencies(): a name that already exists is left alone.
"""

load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")
load("//third_party:proto_repository.bzl", "proto_repository")
load("//third_party:system_library.bzl", "patched_local_repository", "system_library")
load("//third_party/absl:modules.bzl", "absl_modules")
load("//third_party/protobuf:wkt_list.bzl", "WKT_LINKS")

_USE_CPP_TOOLCHAIN = [
    ", \"use_cpp_toolchain\"",
    "",
    "use_cpp_toolchain()",
    "[\"@bazel_tools//tools/cpp:toolchain_type\"]",
]

_PROTOBUF_BUILD = """
load("@mesh_sdk//third_party/protobuf:wkt.bzl", "well_known_protos")
sh_binary(name = "protoc", srcs = ["bin/protoc"])
well_known_protos()
"""

_LLHTTP_BUILD = """
cc_library(
    name = "llhttp",
    srcs = ["src/api.c", "src/http.c", "src/llhttp.c"],
    hdrs = ["include/llhttp.h"],
    copts = ["-w"],
    includes = ["include"],
    linkstatic = True,
)
"""

_GRPC_BUILD = """
sh_binary(name = "grpc_cpp_plugin", srcs = ["bin/grpc_cpp_plugin"])
"""

# Import prefix -> repository that holds it.
_IMPORTS = {
    "envoy/": "envoy_api",
    "xds/": "com_github_cncf_xds",
    "udpa/": "com_github_cncf_xds",
    "validate/": "com_envoyproxy_protoc_gen_validate",
    "google/api/": "com_google_googleapis",
    "google/rpc/": "com_google_googleapis",
    "io/prometheus/": "prometheus_metrics_model",
    "opentelemetry/": "opentelemetry_proto",
    "cel/": "dev_cel",
}

_PROTO_REPOSITORIES = {
    "envoy_api": {"path": "data-plane-api", "subdirs": ["envoy"]},
    "com_github_cncf_xds": {"path": "xds", "subdirs": ["xds", "udpa"]},
    "com_envoyproxy_protoc_gen_validate": {"path": "protoc-gen-validate", "subdirs": ["validate"]},
    "com_google_googleapis": {"path": "googleapis", "subdirs": ["google"], "per_file": True},
    "prometheus_metrics_model": {"path": "client_model", "subdirs": ["io"]},
    "opentelemetry_proto": {"path": "opentelemetry-proto", "subdirs": ["opentelemetry"]},
    "dev_cel": {"path": "cel-spec/proto", "subdirs": ["cel"], "per_file": True},
}

def _ours(label):
    """The label as a consumer's WORKSPACE must write it: this repository's, whatever the caller's."""
    return str(Label(label))

def _rules():
    # rules_cc 0.0.4 wants a helper that Bazel 4.2's own tools do not have.
    maybe(
        patched_local_repository,
        name = "rules_cc",
        path = "/usr/share/bazel/rules/cc",
        edits = {
            "cc/private/rules_impl/compiler_flag.bzl": _USE_CPP_TOOLCHAIN,
            "cc/private/rules_impl/cc_flags_supplier.bzl": _USE_CPP_TOOLCHAIN,
        },
    )

    maybe(native.local_repository, name = "rules_java", path = "/usr/share/bazel/rules/java")
    maybe(native.local_repository, name = "rules_proto", path = "/usr/share/bazel/rules/proto")
    maybe(native.local_repository, name = "bazel_skylib", path = "/usr/share/bazel/tools/skylib")
    maybe(native.local_repository, name = "platforms", path = "/usr/share/bazel/tools/platforms")

def _coverage():
    # Every cc_test depends on Bazel's coverage tools, coverage or not.
    system_library(
        name = "remote_coverage_tools",
        files = {
            _ours("//third_party/bazel:merge.py"): "merge.py",
            _ours("//third_party/bazel:coverage.BUILD"): "BUILD.bazel",
        },
    )

def mesh_sdk_dependencies(sources = ".sources"):
    _rules()
    _coverage()
    maybe(system_library, name = "com_google_absl", modules = absl_modules())
    maybe(
        system_library,
        name = "com_google_protobuf",
        modules = {":protobuf": "protobuf", ":protobuf_lite": "protobuf-lite", ":protoc_lib": "-lprotoc"},
        links = dict(WKT_LINKS, **{"bin/protoc": "/usr/bin/protoc"}),
        build_file_extra = _PROTOBUF_BUILD,
    )
    maybe(
        system_library,
        name = "com_github_grpc_grpc",
        modules = {
            ":grpc++": "grpc++",
            ":grpc++_unsecure": "grpc++_unsecure",
            ":grpc": "grpc",
            ":grpc++_reflection": "-lgrpc++_reflection",
        },
        deps = {":grpc++_reflection": [":grpc++"]},
        links = {"bin/grpc_cpp_plugin": "/usr/bin/grpc_cpp_plugin"},
        files = {
            _ours("//third_party/grpc:cc_grpc_library.bzl"): "bazel/cc_grpc_library.bzl",
            _ours("//third_party/grpc:bazel.BUILD"): "bazel/BUILD.bazel",
        },
        build_file_extra = _GRPC_BUILD,
    )
    maybe(system_library, name = "com_googlesource_code_re2", modules = {":re2": "re2"})
    maybe(
        system_library,
        name = "com_google_googletest",
        modules = {
            ":gtest": "-lgmock -lgtest -lpthread",
            ":gtest_main": "-lgmock_main -lgmock -lgtest -lpthread",
        },
    )
    maybe(
        system_library,
        name = "com_github_google_benchmark",
        modules = {":benchmark": "-lbenchmark -lpthread", ":benchmark_main": "-lbenchmark_main -lbenchmark -lpthread"},
    )
    maybe(system_library, name = "com_github_yaml_libyaml", modules = {":libyaml": "yaml-0.1"})
    maybe(system_library, name = "com_github_nlohmann_json", modules = {":json": ""})
    maybe(system_library, name = "com_github_yhirose_cpp_httplib", modules = {":httplib": "cpp-httplib"})
    maybe(system_library, name = "com_github_cliutils_cli11", modules = {":cli11": ""})
    maybe(
        system_library,
        name = "com_github_nodejs_llhttp",
        links = {
            "include/llhttp.h": "/usr/share/include/llhttp/llhttp.h",
            "src/api.c": "/usr/share/llhttp/api.c",
            "src/http.c": "/usr/share/llhttp/http.c",
            "src/llhttp.c": "/usr/share/llhttp/llhttp.c",
        },
        build_file_extra = _LLHTTP_BUILD,
    )
    maybe(
        native.new_local_repository,
        name = "boringssl",
        path = sources + "/boringssl",
        build_file = _ours("//third_party/boringssl:boringssl.BUILD"),
    )
    for name, spec in _PROTO_REPOSITORIES.items():
        maybe(
            proto_repository,
            name = name,
            path = sources + "/envoy_api/" + spec["path"],
            subdirs = spec["subdirs"],
            imports = _IMPORTS,
            per_file = spec.get("per_file", False),
        )
