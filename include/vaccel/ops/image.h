/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image inference. The image is an encoded file (JPEG, PNG ...) in memory; the model is the
 * plugin's choice, usually the first MODEL resource of the session.
 */
#pragma once

#include <stddef.h>

#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * vaccel_image_classification - say what an image shows
 * @img: image of len_img bytes
 * @out_text: buffer of len_out_text bytes for the NUL-terminated answer; NULL or 0 for none
 * @out_imgname: buffer of len_out_imgname bytes for the NUL-terminated name of an output image
 *
 * EINVAL: sess NULL or not live. ENOTSUP: not implemented by the session's plugin. Otherwise the
 * result of the plugin. Threads: any; calls on one session may run at the same time.
 */
int vaccel_image_classification(struct vaccel_session *sess, const void *img,
				unsigned char *out_text, unsigned char *out_imgname, size_t len_img,
				size_t len_out_text, size_t len_out_imgname);

/* As vaccel_image_classification without text: detect objects, segment, find poses or depths. */
int vaccel_image_detection(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
			   size_t len_img, size_t len_out_imgname);
int vaccel_image_segmentation(struct vaccel_session *sess, const void *img,
			      unsigned char *out_imgname, size_t len_img, size_t len_out_imgname);
int vaccel_image_pose(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
		      size_t len_img, size_t len_out_imgname);
int vaccel_image_depth(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
		       size_t len_img, size_t len_out_imgname);

#ifdef __cplusplus
}
#endif
