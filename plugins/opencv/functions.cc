// SPDX-License-Identifier: Apache-2.0
#include "functions.h"

#include <cstring>
#include <new>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/video.hpp>
#include <vector>

#include "vaccel/error.h"
#include "vaccel/ops/opencv_functions.h"

static int silent(int, const char *, const char *, const char *, int, void *)
{
	return 0;
}

const char *functions_version(void)
{
	return CV_VERSION;
}

void functions_start(int threads)
{
	cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
	cv::redirectError(silent); /* the exception says it, too */
	cv::setNumThreads(threads);
	/* A thread that is started later inherits the priority of whoever needs it first. */
	cv::parallel_for_(cv::Range(0, 64 * threads), [](const cv::Range &) {}, threads);
}

static cv::Mat to_cv(const struct picture &p)
{
	return cv::Mat(p.shape[VACCEL_OPENCV_ROWS], p.shape[VACCEL_OPENCV_COLUMNS],
		       CV_MAKETYPE(p.shape[VACCEL_OPENCV_DEPTH], p.shape[VACCEL_OPENCV_CHANNELS]), p.data);
}

static void encode(const struct call &call, const cv::Mat &picture, std::vector<uchar> &file)
{
	std::vector<int> parameters;

	CV_Check(call.ints[0], call.ints[0] >= 1 && call.ints[0] <= 100, "the quality is 1 to 100");
	if (!strcmp(call.text, ".jpg"))
		parameters = {cv::IMWRITE_JPEG_QUALITY, call.ints[0]};
	else if (strcmp(call.text, ".png") && strcmp(call.text, ".bmp"))
		CV_Error(cv::Error::StsBadArg, "files can be .jpg, .png and .bmp");
	if (!cv::imencode(call.text, picture, file, parameters))
		CV_Error(cv::Error::StsBadArg, "there are no such files of pictures of this type");
}

/* The matrix of a warp: as many rows as were asked for. */
static cv::Mat matrix(const struct call &call, int rows)
{
	return cv::Mat(rows, 3, CV_64F, const_cast<double *>(call.matrix));
}

static cv::Mat compute(const struct call &call)
{
	const int32_t *i = call.ints;
	const double *f = call.floats;
	cv::Mat in, second, out;

	if (call.function == VACCEL_OPENCV_DECODE) {
		out = cv::imdecode(cv::Mat(1, (int)call.file_size, CV_8U, const_cast<void *>(call.file)), i[0]);
		if (out.empty())
			CV_Error(cv::Error::StsBadArg, "the file is damaged");
		return out;
	}
	in = to_cv(call.in[0]);
	switch (call.function) {
	case VACCEL_OPENCV_RESIZE:
		cv::resize(in, out, cv::Size(i[1], i[0]), 0, 0, i[2]);
		break;
	case VACCEL_OPENCV_CONVERT_COLOR:
		cv::cvtColor(in, out, i[0]);
		break;
	case VACCEL_OPENCV_BLUR:
		cv::GaussianBlur(in, out, cv::Size(i[0], i[0]), f[0]);
		break;
	case VACCEL_OPENCV_CANNY:
		cv::Canny(in, out, f[0], f[1]);
		break;
	case VACCEL_OPENCV_THRESHOLD:
		cv::threshold(in, out, f[0], f[1], i[0]);
		break;
	case VACCEL_OPENCV_WARP_AFFINE:
		cv::warpAffine(in, out, matrix(call, 2), cv::Size(i[1], i[0]), i[2]);
		break;
	case VACCEL_OPENCV_WARP_PERSPECTIVE:
		cv::warpPerspective(in, out, matrix(call, 3), cv::Size(i[1], i[0]), i[2]);
		break;
	case VACCEL_OPENCV_MATCH_TEMPLATE:
		second = to_cv(call.in[1]);
		if (second.rows > in.rows || second.cols > in.cols)
			CV_Error(cv::Error::StsBadArg, "the second picture is larger than the first");
		cv::matchTemplate(in, second, out, i[0]);
		break;
	default:
		second = to_cv(call.in[1]);
		cv::calcOpticalFlowFarneback(in, second, out, 0.5, i[0], i[1], i[2], 5, 1.1, 0);
		break;
	}
	return out;
}

static void keep_picture(struct call &call, cv::Mat out)
{
	cv::Mat *owner;

	if (!out.isContinuous())
		out = out.clone();
	owner = new cv::Mat(out);
	call.owner = owner;
	call.out.shape[VACCEL_OPENCV_ROWS] = owner->rows;
	call.out.shape[VACCEL_OPENCV_COLUMNS] = owner->cols;
	call.out.shape[VACCEL_OPENCV_CHANNELS] = owner->channels();
	call.out.shape[VACCEL_OPENCV_DEPTH] = owner->depth();
	call.out.data = owner->data;
	call.out.size = owner->total() * owner->elemSize();
}

static void run(struct call &call)
{
	if (call.function != VACCEL_OPENCV_ENCODE) {
		keep_picture(call, compute(call));
		return;
	}
	std::vector<uchar> *file = new std::vector<uchar>();

	call.owner = file;
	encode(call, to_cv(call.in[0]), *file);
	call.out.data = file->data();
	call.out.size = file->size();
}

static int explain(struct call *call, int code, const char *text)
{
	snprintf(call->why, sizeof(call->why), "%s", text);
	for (char *c = call->why; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = ' ';
	return code;
}

int functions_run(struct call *call)
{
	int ret;

	call->owner = NULL;
	try {
		run(*call);
		return VACCEL_OK;
	} catch (const cv::Exception &error) {
		ret = error.code == cv::Error::StsNoMem ?
			      explain(call, VACCEL_ENOMEM, "there is not enough memory") :
			      explain(call, VACCEL_EINVAL, error.err.c_str());
	} catch (const std::bad_alloc &) {
		ret = explain(call, VACCEL_ENOMEM, "there is not enough memory");
	} catch (const std::exception &error) {
		ret = explain(call, VACCEL_EBACKEND, error.what());
	} catch (...) {
		ret = explain(call, VACCEL_EBACKEND, "an exception of an unknown kind");
	}
	functions_release(call);
	return ret;
}

void functions_release(struct call *call)
{
	if (call->function == VACCEL_OPENCV_ENCODE)
		delete static_cast<std::vector<uchar> *>(call->owner);
	else
		delete static_cast<cv::Mat *>(call->owner);
	call->owner = NULL;
}
