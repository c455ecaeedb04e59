// SPDX-License-Identifier: Apache-2.0

package main

/*
#include <vaccel/blob.h>
*/
import "C"

import "unsafe"

// The smallest part of the interface alone is enough to free what Go gets from C.
func freeString(text *C.char) {
	C.free(unsafe.Pointer(text))
}
