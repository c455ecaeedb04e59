// SPDX-License-Identifier: Apache-2.0
/* For tests of what engines share: an engine that runs nothing. */
#include "engine.h"

const struct engine engine = {.name = "none", .file = "a file"};
