/* compile, also as axcompile. */
#include "driver/run.h"

int main(int argc, char **argv)
{
	return axc_compile_main(argc, argv);
}
