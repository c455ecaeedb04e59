/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of the plugin opencv, for vaccel_opencv_unpack() (an extension to vAccel 0.8).
 *
 * read is: the function's code (VACCEL_ARG_UINT8), its parameters in the order below, its pictures. write is its
 * result. A parameter i is a VACCEL_ARG_INT32, f a VACCEL_ARG_FLOAT64, s a VACCEL_ARG_STRING, m a
 * VACCEL_ARG_FLOAT64_ARRAY.
 *
 * A picture is two arguments: its shape, a VACCEL_ARG_INT32_ARRAY of rows, columns, channels (1 to 4) and enum
 * vaccel_opencv_depth; and its pixels, any type of argument with row after row, nothing between them.
 *
 * A result that is a picture is the same two arguments, of which the second may be larger than the pixels are, or
 * missing: then the call only says the shape. A result that is a file is its size (VACCEL_ARG_UINT64), and its
 * bytes, which may be missing, too. What does not fit is an error, VACCEL_ENOSPC, that leaves all as it was.
 *
 * Threads: any, see vaccel_opencv_unpack(). Nothing here is a function of the library.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* Type of a pixel's channel, as OpenCV counts. */
enum vaccel_opencv_depth {
	VACCEL_OPENCV_UINT8 = 0,
	VACCEL_OPENCV_INT8 = 1,
	VACCEL_OPENCV_UINT16 = 2,
	VACCEL_OPENCV_INT16 = 3,
	VACCEL_OPENCV_INT32 = 4,
	VACCEL_OPENCV_FLOAT32 = 5,
	VACCEL_OPENCV_FLOAT64 = 6
};

/* Elements of a shape. */
enum vaccel_opencv_shape {
	VACCEL_OPENCV_ROWS = 0,
	VACCEL_OPENCV_COLUMNS = 1,
	VACCEL_OPENCV_CHANNELS = 2,
	VACCEL_OPENCV_DEPTH = 3,
	VACCEL_OPENCV_SHAPE_SIZE = 4
};

/*
 * Where a number is one of OpenCV's, it is the value of the constants with the prefix that is named.
 *
 *  DECODE            i mode (IMREAD_: 0 grey, 1 BGR, -1 as it is); the bytes of a JPEG, PNG or BMP file, one
 *                    argument -> picture, turned as EXIF says
 *  ENCODE            s ".jpg", ".png" or ".bmp", i quality of a JPEG (1 to 100); picture -> file
 *  RESIZE            i rows, i columns, i interpolation (INTER_: 0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos);
 *                    picture -> picture
 *  CONVERT_COLOR     i conversion (COLOR_: 6 BGR to grey, 4 BGR to RGB, 40 BGR to HSV, ...); picture -> picture
 *  BLUR              i rows and columns that count (odd), f sigma (0: from the first); picture -> picture
 *  CANNY             f low, f high; picture of UINT8 -> edges
 *  THRESHOLD         f threshold, f value, i type (THRESH_: 0 binary, 1 inverse, 2 cut off, 3 to zero, 4 to zero
 *                    inverse, 8 Otsu, added); picture -> picture
 *  WARP_AFFINE       i rows, i columns, i interpolation, m 2 x 3 matrix from the picture to the result;
 *                    picture -> picture
 *  WARP_PERSPECTIVE  the same with a 3 x 3 matrix
 *  MATCH_TEMPLATE    i method (TM_: 0 SQDIFF, 1 SQDIFF_NORMED, 2 CCORR, 3 CCORR_NORMED, 4 CCOEFF,
 *                    5 CCOEFF_NORMED); picture, the one to look for -> a FLOAT32 for each place
 *  OPTICAL_FLOW      i levels, i window, i iterations (of Farneback's method; 3, 15, 3 are usual); two grey
 *                    pictures of UINT8 -> columns and rows that each pixel moves, FLOAT32
 */
enum vaccel_opencv_function {
	VACCEL_OPENCV_DECODE = 1,
	VACCEL_OPENCV_ENCODE = 2,
	VACCEL_OPENCV_RESIZE = 3,
	VACCEL_OPENCV_CONVERT_COLOR = 4,
	VACCEL_OPENCV_BLUR = 5,
	VACCEL_OPENCV_CANNY = 6,
	VACCEL_OPENCV_THRESHOLD = 7,
	VACCEL_OPENCV_WARP_AFFINE = 8,
	VACCEL_OPENCV_WARP_PERSPECTIVE = 9,
	VACCEL_OPENCV_MATCH_TEMPLATE = 10,
	VACCEL_OPENCV_OPTICAL_FLOW = 11
};

#ifdef __cplusplus
}
#endif
