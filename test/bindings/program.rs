// SPDX-License-Identifier: Apache-2.0

//! What each program of this directory does, with bindgen
#[allow(dead_code, non_camel_case_types, non_snake_case, non_upper_case_globals)]
mod bindings {
    include!("bindings.rs");
}

use bindings::*;
use std::ffi::{c_int, c_void, CStr};
use std::mem::MaybeUninit;
use std::ptr;

fn good(result: c_int) {
    assert_eq!(result, VACCEL_OK as c_int);
}

unsafe fn text<'a>(chars: *const i8) -> &'a str {
    CStr::from_ptr(chars.cast()).to_str().unwrap()
}

unsafe fn argument(buf: *mut c_void, id: u32) -> vaccel_arg {
    let kind = if id != 0 { vaccel_arg_type_t_VACCEL_ARG_CUSTOM } else { vaccel_arg_type_t_VACCEL_ARG_INT32 };
    vaccel_arg { buf, size: 4, type_: kind, custom_type_id: id, owned: false }
}

unsafe fn data() {
    let mut res = MaybeUninit::<vaccel_resource>::zeroed();
    let bytes = b"abc";
    good(vaccel_resource_init_from_buf(
        res.as_mut_ptr(), bytes.as_ptr().cast(), bytes.len(),
        vaccel_resource_type_t_VACCEL_RESOURCE_DATA, c"data".as_ptr().cast(), true,
    ));
    let r = res.assume_init_mut();
    let blob = &**r.blobs;
    println!("resource: {} blob, name {}, {} bytes", r.nr_blobs, text(blob.name.cast()), blob.size);
    good(vaccel_resource_release(r));

    let mut status = vaccel_tf_status { code: 0, message: ptr::null_mut() };
    good(vaccel_tf_status_init(&mut status, 7, c"good".as_ptr().cast()));
    println!("status: code {}, message {}", status.code, text(status.message.cast()));
    good(vaccel_tf_status_release(&mut status));

    let mut options: *mut vaccel_torch_buffer = ptr::null_mut();
    good(vaccel_torch_buffer_new(&mut options, ptr::null_mut(), 0));
    let none = (*options).data.is_null() && (*options).size == 0;
    println!("options: {}", if none { "none" } else { "some" });
    good(vaccel_torch_buffer_delete(options));
}

unsafe fn exec(number: &mut i32) {
    let mut sess = Box::new(MaybeUninit::<vaccel_session>::zeroed());
    good(vaccel_session_init(sess.as_mut_ptr(), vaccel_plugin_type_t_VACCEL_PLUGIN_GENERIC));
    let s = sess.assume_init_mut();
    println!("session: hint {}, plugin {}", s.hint, text((*(*s.plugin).info).name.cast()));

    let mut out = 0i32;
    let mut read = argument((number as *mut i32).cast(), 0);
    let mut write = argument((&mut out as *mut i32).cast(), 0);
    good(vaccel_exec(
        s, c"library".as_ptr().cast(), c"function".as_ptr().cast(), &mut read, 1, &mut write, 1,
    ));
    println!("exec: {}", out);
    good(vaccel_session_release(s));
}

fn main() {
    let mut number = 10i32;
    unsafe {
        let arg = argument((&mut number as *mut i32).cast(), 42);
        println!("argument: type {}, id {}, {} bytes", arg.type_, arg.custom_type_id, arg.size);
        data();
        exec(&mut number);
    }
    // Inline functions are not for bindgen.
    println!("operation: exec");
}
