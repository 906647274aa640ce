/* The compiler on one screen: every stage in order, and what an error in it is called. */
#include "driver/run.h"

bool axc_pipeline(AxcRun *run)
{
	return axc_stage(run, "start", AXC_INITIALIZE_CLI_ERROR, axc_stage_start) &&
	       axc_stage(run, "import", AXC_ONNX_GRAPH_CLEANER_ERROR, axc_stage_import);
}
