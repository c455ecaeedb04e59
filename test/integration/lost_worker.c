// SPDX-License-Identifier: Apache-2.0
/* A program that needs a library, and (with LIBRARY) that library, which nobody will find. */
int nowhere(void);

#ifdef LIBRARY
int nowhere(void)
{
	return 0;
}
#else
int main(void)
{
	return nowhere();
}
#endif
