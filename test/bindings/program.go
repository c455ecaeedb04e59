// SPDX-License-Identifier: Apache-2.0

// What each program of this directory does, with cgo
package main

/*
#cgo pkg-config: vaccel
#cgo CFLAGS: -Wno-deprecated-declarations
#include <vaccel.h>

static void show_argument(int type, int id, size_t size)
{
	printf("argument: type %d, id %d, %zu bytes\n", type, id, size);
}

static void show_session(unsigned int hint, const char *name)
{
	printf("session: hint %u, plugin %s\n", hint, name);
}

static void show_number(const char *what, int number, const char *more)
{
	printf("%s %d%s\n", what, number, more);
}
*/
import "C"

import "unsafe"

func good(result C.int) {
	if result != C.VACCEL_OK {
		panic(result)
	}
}

func show(what string, number C.int, more string) {
	first, last := C.CString(what), C.CString(more)
	C.show_number(first, number, last)
	C.free(unsafe.Pointer(first))
	C.free(unsafe.Pointer(last))
}

func argument(number unsafe.Pointer) {
	var arg C.struct_vaccel_arg
	good(C.vaccel_arg_init_from_buf(&arg, number, 4, C.VACCEL_ARG_CUSTOM, 42))
	C.show_argument(C.int(arg._type), C.int(arg.custom_type_id), arg.size)
}

func resource() {
	res := (*C.struct_vaccel_resource)(C.calloc(1, C.sizeof_struct_vaccel_resource))
	data, name := C.CString("abc"), C.CString("data")
	good(C.vaccel_resource_init_from_buf(res, unsafe.Pointer(data), 3, C.VACCEL_RESOURCE_DATA, name, true))
	blob := *res.blobs
	show("resource:", C.int(res.nr_blobs), " blob, name "+C.GoString(blob.name)+", 3 bytes")
	if blob.size != 3 {
		panic(blob.size)
	}
	good(C.vaccel_resource_release(res))
	freeString(name)
	freeString(data)
	C.free(unsafe.Pointer(res))
}

func status() {
	var status C.struct_vaccel_tf_status
	message := C.CString("good")
	good(C.vaccel_tf_status_init(&status, 7, message))
	C.free(unsafe.Pointer(message))
	show("status: code", C.int(status.code), ", message "+C.GoString(status.message))
	good(C.vaccel_tf_status_release(&status))
}

func options() {
	var options *C.struct_vaccel_torch_buffer
	good(C.vaccel_torch_buffer_new(&options, nil, 0))
	what := C.CString("options: some")
	if options.data == nil && options.size == 0 {
		C.free(unsafe.Pointer(what))
		what = C.CString("options: none")
	}
	C.puts(what)
	C.free(unsafe.Pointer(what))
	good(C.vaccel_torch_buffer_delete(options))
}

func exec(number unsafe.Pointer) {
	sess := (*C.struct_vaccel_session)(C.malloc(C.sizeof_struct_vaccel_session))
	good(C.vaccel_session_init(sess, C.VACCEL_PLUGIN_GENERIC))
	C.show_session(sess.hint, sess.plugin.info.name)

	out := (*C.int32_t)(C.malloc(4))
	args := (*[2]C.struct_vaccel_arg)(C.calloc(2, C.sizeof_struct_vaccel_arg))
	args[0].buf, args[0].size, args[0]._type = number, 4, C.VACCEL_ARG_INT32
	args[1].buf, args[1].size, args[1]._type = unsafe.Pointer(out), 4, C.VACCEL_ARG_INT32
	library, function := C.CString("library"), C.CString("function")
	good(C.vaccel_exec(sess, library, function, &args[0], 1, &args[1], 1))
	show("exec:", C.int(*out), "")
	for _, p := range []unsafe.Pointer{unsafe.Pointer(library), unsafe.Pointer(function),
		unsafe.Pointer(args), unsafe.Pointer(out)} {
		C.free(p)
	}
	good(C.vaccel_session_release(sess))
	C.free(unsafe.Pointer(sess))
}

func main() {
	number := (*C.int32_t)(C.malloc(4))
	*number = 10
	argument(unsafe.Pointer(number))
	resource()
	status()
	options()
	exec(unsafe.Pointer(number))

	var name [C.VACCEL_ENUM_STR_MAX]C.char
	C.vaccel_op_type_name(C.VACCEL_OP_EXEC, &name[0], C.VACCEL_ENUM_STR_MAX)
	operation := C.CString("operation: " + C.GoString(&name[0]))
	C.puts(operation)
	C.free(unsafe.Pointer(operation))
	C.free(unsafe.Pointer(number))
	C.fflush(nil)
}
