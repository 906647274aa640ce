/* compiled_model/quantized_model.json: the lowered graph, that is the Program with its addresses. */
#ifndef AXC_REPORT_LOWERED_H
#define AXC_REPORT_LOWERED_H

#include "lower/program.h"

void axc_report_lowered(const AxcProgram *p, AxcText *out);

#endif
