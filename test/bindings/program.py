# SPDX-License-Identifier: Apache-2.0
"""What each program of this directory does, with cffi"""

from bindings import ffi, lib


def good(result):
    assert result == lib.VACCEL_OK, result


def text(chars):
    return ffi.string(chars).decode()


number = ffi.new("int32_t *", 10)
arg = ffi.new("struct vaccel_arg *")
good(lib.vaccel_arg_init_from_buf(arg, number, 4, lib.VACCEL_ARG_CUSTOM, 42))
print(f"argument: type {int(arg.type)}, id {arg.custom_type_id}, {arg.size} bytes")

data = ffi.new("char[]", b"abc")
res = ffi.new("struct vaccel_resource *")
good(lib.vaccel_resource_init_from_buf(res, data, 3, lib.VACCEL_RESOURCE_DATA, b"data", True))
blob = res.blobs[0]
print(f"resource: {res.nr_blobs} blob, name {text(blob.name)}, {blob.size} bytes")
good(lib.vaccel_resource_release(res))

status = ffi.new("struct vaccel_tf_status *")
good(lib.vaccel_tf_status_init(status, 7, b"good"))
print(f"status: code {status.code}, message {text(status.message)}")
good(lib.vaccel_tf_status_release(status))

options = ffi.new("struct vaccel_torch_buffer **")
good(lib.vaccel_torch_buffer_new(options, ffi.NULL, 0))
print("options:", "some" if options[0].data or options[0].size else "none")
good(lib.vaccel_torch_buffer_delete(options[0]))

sess = ffi.new("struct vaccel_session *")
good(lib.vaccel_session_init(sess, lib.VACCEL_PLUGIN_GENERIC))
print(f"session: hint {sess.hint}, plugin {text(sess.plugin.info.name)}")
out = ffi.new("int32_t *")
args = ffi.new("struct vaccel_arg[2]")
for i, buf in enumerate((number, out)):
    args[i].buf, args[i].size, args[i].type = buf, 4, lib.VACCEL_ARG_INT32
good(lib.vaccel_exec(sess, b"library", b"function", args, 1, args + 1, 1))
print(f"exec: {out[0]}")
good(lib.vaccel_session_release(sess))

name = ffi.new("char[]", lib.VACCEL_ENUM_STR_MAX)
print("operation:", text(lib.vaccel_op_type_name(lib.VACCEL_OP_EXEC, name, len(name))))
