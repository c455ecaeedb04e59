/* SPDX-License-Identifier: Apache-2.0 */
/* Where vAccel 0.7 declared what is called a blob now. Threads: see blob.h. */
#pragma once

#include "vaccel/compat-0.7.h"
