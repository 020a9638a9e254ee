"""Hands on a library's object code without its headers, include paths and defines.

cc_library's `defines` and `includes` travel to every dependent. BoringSSL's must not: whoever
depends on mesh/tls may include the system's openssl headers.

    cc_library(name = "compiled", srcs = [...], deps = ["@boringssl//:ssl"])
    linking_only(name = "linked", deps = [":compiled"])
    cc_library(name = "tls", hdrs = [...], deps = [":linked"])
"""

def _linking_only_impl(ctx):
    merged = cc_common.merge_cc_infos(cc_infos = [d[CcInfo] for d in ctx.attr.deps])
    return [
        DefaultInfo(files = depset(transitive = [d[DefaultInfo].files for d in ctx.attr.deps])),
        CcInfo(linking_context = merged.linking_context),
    ]

linking_only = rule(
    implementation = _linking_only_impl,
    attrs = {"deps": attr.label_list(providers = [CcInfo])},
    provides = [CcInfo],
)
