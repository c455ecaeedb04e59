// SPDX-License-Identifier: Apache-2.0
/*
 * Plugins that say how their image classification was called. That of FORM_SHORT has the five
 * parameters of the other image ops; the others have seven, and are called with them although there
 * is no text, one since it says so (FORM_TEXT), one since it is a transport (FORM_REMOTE).
 */
#include <string.h>

#include "vaccel.h"

#ifdef FORM_SHORT
static int classify(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
		    size_t len_img, size_t len_out_imgname)
{
	if (!sess || strcmp(img, "image") || len_img != 6 || len_out_imgname != 16)
		return VACCEL_EIO;
	strcpy((char *)out_imgname, "short");
	return VACCEL_OK;
}
#else
static int classify(struct vaccel_session *sess, const void *img, unsigned char *out_text,
		    unsigned char *out_imgname, size_t len_img, size_t len_out_text,
		    size_t len_out_imgname)
{
	if (!sess || strcmp(img, "image") || out_text || len_img != 6 || len_out_text ||
	    len_out_imgname != 16)
		return VACCEL_EIO;
	strcpy((char *)out_imgname, "full");
	return VACCEL_OK;
}
#endif

#ifdef FORM_TEXT
const bool vaccel_plugin_takes_text = true;
#endif

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(image_classify, VACCEL_OP_IMAGE_CLASSIFY, classify),
};

static int init(void)
{
	return vaccel_plugin_register_ops(ops, 1);
}

static int fini(void)
{
	return VACCEL_OK;
}

#ifdef FORM_REMOTE
static int session_init(struct vaccel_session *sess, uint32_t flags)
{
	(void)flags;
	sess->remote_id = 1;
	return VACCEL_OK;
}

static int session_release(struct vaccel_session *sess)
{
	(void)sess;
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "remote", .version = "1", .vaccel_version = VACCEL_VERSION, .init = init,
	      .fini = fini, .is_virtio = true, .type = VACCEL_PLUGIN_REMOTE,
	      .session_init = session_init, .session_release = session_release)
#else
VACCEL_PLUGIN(.name = "local", .version = "1", .vaccel_version = VACCEL_VERSION, .init = init,
	      .fini = fini, .type = VACCEL_PLUGIN_SOFTWARE)
#endif
