/* What a run tells programs: compilation_report.json (in every outcome) and quantized_model/report.json.
 * The formats are in docs/artifacts.md. This folder only makes text; src/driver collects and writes.
 */
#ifndef AXC_REPORT_H
#define AXC_REPORT_H

#include "base/json.h"
#include "ir/ir.h"

enum { AXC_REPORT_FORMAT = 1 };
#define AXC_VERSION "0.1.0"

typedef struct AxcReportFile {
	const char *path; /* relative to the output directory */
	uint64_t bytes, hash;
	bool varies; /* differs between equal runs: size and hash go into the `time` object */
} AxcReportFile;

typedef struct AxcReportStage {
	const char *name;
	double seconds;
	uint64_t peak_bytes; /* resident memory at its highest, 0 if the system does not say */
} AxcReportStage;

typedef AXC_ARRAY(AxcReportFile) AxcReportFiles;

/* Everything that may stand in compilation_report.json; what is not known yet is zero. */
typedef struct AxcRunReport {
	AxcStatus status;
	bool finished;      /* false in the copy that lies there while the run goes on */
	const AxcDiag *d;   /* errors and warnings */
	const char *mode;   /* quantize_and_lower | quantize_only | lower_only | check */
	AXC_ARRAY(const char *) notes;
	struct {
		const char *file; /* base name */
		uint64_t bytes, hash;
		const char *name, *producer;
		int64_t opset;
		uint32_t nodes;
		int64_t macs, parameters;
	} model;
	struct {
		bool known, random;
		int64_t samples, skipped;
	} calibration;
	struct {
		bool known;
		int64_t int8_macs, float_macs;
		uint32_t int8_nodes, float_nodes;
	} coverage;
	struct {
		const char *target; /* NULL: not lowered */
		const char *multicore_mode;
		int cores;
		uint64_t workspace_bytes, const_bytes;
	} kernel;
	struct {
		bool known, equal, skipped;
		int samples;
		const char *note;
	} verify;
	AxcReportFiles files;
	AxcReportFiles earlier; /* of an earlier run, still in the directory */
	AXC_ARRAY(AxcReportStage) stages;
	const char *started; /* UTC, ISO 8601 */
	double seconds;
} AxcRunReport;

/* The text of compilation_report.json (compilation.c). */
void axc_report_compilation(const AxcRunReport *r, AxcText *out);

#endif
