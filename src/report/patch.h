/* Completing a compilation_report.json whose run could not do it itself: interrupted, crashed, killed. */
#ifndef AXC_REPORT_PATCH_H
#define AXC_REPORT_PATCH_H

#include "base/json_read.h"

typedef struct AxcReportEnd {
	const char *message, *hint;
	double seconds;
	const char *status, *stage; /* out: of the report */
} AxcReportEnd;

/* The report's text again, with finished = true, message, hint and an entry in errors. */
void axc_report_patch(const AxcJsonValue *root, AxcReportEnd *end, AxcText *out);

#endif
