// SPDX-License-Identifier: Apache-2.0
/*
 * A program that needs a library, with PLUGIN a plugin that does, and with LIBRARY that library, which
 * nobody will find.
 */
int nowhere(void);

#ifdef LIBRARY
int nowhere(void)
{
	return 0;
}
#elif defined PLUGIN
int use_nowhere(void);
int use_nowhere(void)
{
	return nowhere();
}
#else
int main(void)
{
	return nowhere();
}
#endif
