/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole vAccel interface.
 *
 * Threads: each header says which of its functions may be called at the same time, and on what.
 */
#pragma once

/* X.Y.Z[-commits-sha][-dirty] */
#define VACCEL_VERSION "0.8.0"

#include "vaccel/arg.h"
#include "vaccel/async.h"
#include "vaccel/blob.h"
#include "vaccel/config.h"
#include "vaccel/core.h"
#include "vaccel/error.h"
#include "vaccel/id.h"
#include "vaccel/infer.h"
#include "vaccel/log.h"
#include "vaccel/memory.h"
#include "vaccel/op.h"
#include "vaccel/ops/blas.h"
#include "vaccel/ops/exec.h"
#include "vaccel/ops/fpga.h"
#include "vaccel/ops/genop.h"
#include "vaccel/ops/image.h"
#include "vaccel/ops/minmax.h"
#include "vaccel/ops/noop.h"
#include "vaccel/ops/opencv.h"
#include "vaccel/ops/tf.h"
#include "vaccel/ops/tflite.h"
#include "vaccel/ops/torch.h"
#include "vaccel/plugin.h"
#include "vaccel/plugin_ext.h"
#include "vaccel/prof.h"
#include "vaccel/prof_backend.h"
#include "vaccel/resource.h"
#include "vaccel/session.h"
#include "vaccel/text.h"
#include "vaccel/trace.h"
#include "vaccel/utils/enum.h"
#include "vaccel/utils/path.h"
#include "vaccel/utils/str.h"

#include "vaccel/compat-0.7.h"
