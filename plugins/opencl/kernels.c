// SPDX-License-Identifier: Apache-2.0
/*
 * The kernels, in OpenCL C 1.2. Each work item knows from its number alone what is its own; those
 * that are too many, as groups are full, do nothing. Products and sums are not contracted, and made
 * in the order of their indices, so that every device gets the same bits.
 */
#include "opencl.h"

const struct kernel_info kernel_infos[NR_KERNELS] = {
	[KERNEL_COPY] = {"vaccel_copy", "bbl"},
	[KERNEL_ADD] = {"vaccel_add", "bbbl"},
	[KERNEL_PARALLEL] = {"vaccel_parallel", "bbbbl"},
	[KERNEL_PRODUCT] = {"vaccel_product", "bbblllff"},
	[KERNEL_MINMAX] = {"vaccel_minmax", "bbbllldd"},
};

#define TEXT(...) TEXT_(__VA_ARGS__)
#define TEXT_(...) #__VA_ARGS__

const char kernel_source[] =
	"#pragma OPENCL FP_CONTRACT OFF\n"
	TEXT(
	kernel void vaccel_copy(global const int *a, global int *out, ulong n)
	{
		size_t i = get_global_id(0);

		if (i < n)
			out[i] = a[i];
	}

	kernel void vaccel_add(global const float *a, global const float *b, global float *out, ulong n)
	{
		size_t i = get_global_id(0);

		if (i < n)
			out[i] = a[i] + b[i];
	}

	kernel void vaccel_parallel(global const float *a, global const float *b, global float *sum,
				    global float *product, ulong n)
	{
		size_t i = get_global_id(0);

		if (i >= n)
			return;
		sum[i] = a[i] + b[i];
		product[i] = a[i] * b[i];
	}

	/* Rows and columns of all three are full tiles; what is in those beyond the matrix does not matter. */
	kernel void vaccel_product(global const float *a, global const float *b, global float *c,
				   ulong tiles, ulong tiles_of_row, ulong k, float alpha, float beta)
	{
		size_t i = get_global_id(0);

		if (i >= tiles)
			return;
		size_t row = i / tiles_of_row * 4;
		size_t tile = i % tiles_of_row;
		float16 sum[4] = {0, 0, 0, 0};

		for (size_t l = 0; l < k; l++) {
			float16 line = vload16(l * tiles_of_row + tile, b);

			for (int r = 0; r < 4; r++)
				sum[r] = sum[r] + a[(row + r) * k + l] * line;
		}
		for (int r = 0; r < 4; r++) {
			size_t at = (row + r) * tiles_of_row + tile;

			sum[r] = alpha * sum[r];
			if (beta != 0)
				sum[r] = sum[r] + beta * vload16(at, c);
			vstore16(sum[r], at, c);
		}
	})
	"\n#ifdef cl_khr_fp64\n"
	TEXT(
	/* The first and the second half of ends: the smallest and the largest number of each item */
	kernel void vaccel_minmax(global const double *in, global double *out, global double *ends,
				  ulong n, ulong each, ulong items, double low, double high)
	{
		size_t item = get_global_id(0);

		if (item >= items)
			return;
		size_t i = item * each;
		size_t end = min((ulong)(i + each), n);
		double smallest = in[i];
		double largest = in[i];

		for (; i < end; i++) {
			double x = in[i];

			if (!(x >= smallest))
				smallest = x;
			if (!(x <= largest))
				largest = x;
			out[i] = x < low ? low : x > high ? high : x;
		}
		ends[item] = smallest;
		ends[items + item] = largest;
	})
	"\n#endif\n";
_Static_assert(TILE_ROWS == 4 && TILE_COLS == 16, "as the kernel's own numbers");
