"""axrunmodel on the hand-written network: frames, inputs, outputs, reports, mistakes.

test_axrunmodel.py AXRUNMODEL MAKE_TINY_MODEL
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

try:
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

AXRUNMODEL, MAKE = sys.argv[1:3]


class Case(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory(prefix="axr-")
        self.dir = self.tmp.name
        subprocess.run([MAKE, self.dir, "profiling"], check=True)
        self.model = os.path.join(self.dir, "model.json")

    def tearDown(self):
        self.tmp.cleanup()

    def path(self, name):
        return os.path.join(self.dir, name)

    def save(self, name, array):
        np.save(self.path(name), array)
        return self.path(name)

    def run_it(self, *args, code=0):
        done = subprocess.run([AXRUNMODEL, self.model, *args], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def run_json(self, *args):
        return json.loads(self.run_it("--json", *args).stdout)

    def fails(self, *args, text, code=1):
        done = self.run_it(*args, code=code)
        self.assertIn(text, done.stderr)

    def test_random_frames(self):
        report = self.run_json("--frames", "50")
        self.assertEqual(report["frames"], 50)
        self.assertEqual(report["io"], "int8")
        self.assertEqual(report["workspace_bytes"], 3000064)
        self.assertEqual(report["const_bytes"], 4096)
        self.assertLessEqual(report["latency_ms"]["min"], report["latency_ms"]["median"])
        self.assertLessEqual(report["latency_ms"]["median"], report["latency_ms"]["p99"])
        self.assertGreaterEqual(report["device_fps"], report["host_fps"])
        self.assertEqual(report["outputs"], [{"name": "y", "file": None, "shape": [1, 4], "dtype": "int8"}])
        self.assertNotIn("layers", report)

    def test_random_is_seeded(self):
        outputs = []
        for i in range(2):
            self.run_json("--frames", "1", "--output-dir", self.path(f"o{i}"))
            outputs.append(open(self.path(f"o{i}/y.npy"), "rb").read())
        self.assertEqual(*outputs)

    def test_float_frames(self):
        x = np.arange(5 * 12, dtype=np.float32).reshape(5, 3, 2, 2)
        report = self.run_json("--input", self.save("x.npy", x), "--output-dir", self.path("out"))
        self.assertEqual((report["io"], report["frames"]), ("float", 5))
        y = np.load(report["outputs"][0]["file"])
        self.assertEqual((y.shape, y.dtype), ((5, 3), np.float32))
        np.testing.assert_array_equal(y, 2 * x.sum(axis=(2, 3)))

    def test_other_float_types(self):
        """Halves and doubles are read as float32, subnormals and signs included."""
        x = np.array([1.5, -2, 2.0 ** -24, -0.25, 5.9e-5, 3, 0.1, -7, 1, 0.5, -0.0, 60000]).reshape(1, 3, 2, 2)
        for dtype in (np.float16, np.float64):
            got = []
            for i, a in enumerate((x.astype(dtype), x.astype(dtype).astype(np.float32))):
                self.run_it("--input", self.save("x.npy", a), "--output-dir", self.path(f"out{i}"))
                got.append(np.load(self.path(f"out{i}/y.npy")))
            np.testing.assert_array_equal(got[0], got[1])
            self.assertTrue(got[0].any())

    def test_extra_axis(self):
        x = np.arange(2 * 12, dtype=np.float32).reshape(2, 1, 3, 2, 2)
        self.run_it("--input", "x:0/a=" + self.save("x=1.npy", x), "--output-dir", self.path("out"))
        np.testing.assert_array_equal(np.load(self.path("out/y.npy")), 2 * x.sum(axis=(1, 3, 4)))

    def test_int8_input(self):
        x = np.zeros((2, 2, 2, 4), np.int8)
        x[1] = 3
        report = self.run_json("--input", self.save("x.npy", x), "--output-dir", self.path("out"))
        self.assertEqual(report["io"], "int8")
        np.testing.assert_array_equal(np.load(self.path("out/y.npy")), [[0] * 4, [24] * 4])

    def test_frames_cycle(self):
        x = np.ones((2, 3, 2, 2), np.float32)
        report = self.run_json("--input", self.save("x.npy", x), "--frames", "7", "--output-dir", self.path("out"))
        self.assertEqual(report["frames"], 7)
        self.assertEqual(np.load(self.path("out/y.npy")).shape, (2, 3))

    def test_seconds_and_throttle(self):
        report = self.run_json("--seconds", "0.3", "--throttle-fps", "50")
        self.assertLessEqual(report["system_fps"], 60)
        self.assertGreaterEqual(report["frames"], 5)

    def test_text_report(self):
        out = self.run_it("--frames", "30", "--profile", "--show-histogram", "--show-bar-chart",
                          "--no-double-buffer", "--input-dmabuf", "-d", "0", "--aipu-cores", "2").stdout
        for text in ("Device FPS:", "Host FPS:", "System FPS:", "frames by device FPS", "over time", "2 cores"):
            self.assertIn(text, out)
        self.assertIn("1.00", [line for line in out.splitlines() if line.endswith("k2")][0])
        self.assertIn("esc\\x1b\\x5b31m", out)
        self.assertNotIn("\x1b", out)

    def test_profile_json(self):
        layers = self.run_json("--frames", "10", "--profile")["layers"]
        self.assertEqual([layer["kernel"] for layer in layers], ["k", "k2"])
        self.assertAlmostEqual(layers[1]["us"], 1.0)

    def make(self, *args):
        subprocess.run([MAKE, self.dir, *args], check=True)

    def test_profile_drops_the_ends(self):
        x = np.zeros((8, 2, 2, 4), np.int8)
        x[5, 0, 0, 0] = 98  # a layer that takes 1e9 instead of 1000 ticks
        x = self.save("x.npy", x)
        for drop, us in ((0.25, 1.0), (0.9, 1.0), (0.2, (7 * 1000 + 1e9) / 8 / 1000), (0, (7 * 1000 + 1e9) / 8 / 1000)):
            self.make("profiling", "batch", "1", '{"profiling_drop_percentile": %g}' % drop)
            report = self.run_json("--input", x, "--profile")
            self.assertEqual(report["profile"], {"samples": 8, "drop": drop})
            self.assertAlmostEqual(report["layers"][1]["us"], us, places=3)

    def test_profile_of_lanes(self):
        for mode in ("multiprocess", "multithread", "batch"):
            self.make("profiling", mode, "2")
            report = self.run_json("--frames", "20", "--profile")
            self.assertAlmostEqual(report["layers"][1]["us"], 1.0)
            self.assertEqual(report["profile"]["samples"], 10 if mode == "batch" else 20)

    def test_modes(self):
        """Frames keep their order whatever runs them; 7 frames do not divide by 3 cores."""
        x = np.zeros((7, 2, 2, 4), np.int8)
        x[:, 0, 0, 0] = np.arange(7)
        x = self.save("x.npy", x)
        for mode, cores, lanes in (("multiprocess", 3, 3), ("multithread", 3, 3), ("batch", 3, 3), ("cooperative", 3, 1),
                                   ("pipeline", 2, 2)):
            self.make("profiling", mode, str(cores), '{"double_buffer": true}')
            for options in ((), ("--no-double-buffer",), ("--input-dmabuf", "--output-dmabuf")):
                report = self.run_json("--input", x, "--output-dir", self.path("out"), *options)
                y = np.load(self.path("out/y.npy"))
                np.testing.assert_array_equal(y[:, 0], 2 * np.arange(7), mode)
                self.assertEqual((report["frames"], report["cores"]), (7, cores))
                self.assertEqual(report["workspace_bytes"], 3000064 * lanes)
                self.assertEqual(report["input_dmabuf"], bool(options) and options[0] == "--input-dmabuf")
            text = self.run_it("--frames", "10").stdout
            self.assertIn("multicore mode " + mode, text)
        self.assertIn("2 threads that bring frames", text)

    def test_lanes_run_together(self):
        """Frames that wait for another one at the same time: in processes there is none, in the others there is."""
        x = np.zeros((2, 2, 2, 4), np.int8)
        x[:, 0, 0, 0] = 97
        for mode in ("multithread", "batch"):
            self.make("profiling", mode, "2")
            self.run_json("--input", self.save("x.npy", x), "--output-dir", self.path("out"))
            np.testing.assert_array_equal(np.load(self.path("out/y.npy"))[:, 0], [1, 1])

    def test_lane_fails(self):
        x = np.zeros((6, 2, 2, 4), np.int8)
        x[4, 0, 0, 0] = 99
        x = self.save("x.npy", x)
        for mode in ("multiprocess", "multithread", "batch", "cooperative", "pipeline"):
            self.make("profiling", mode, "2")
            self.fails("--input", x, "--output-dir", self.path("out"), text="error -7")
            self.assertEqual(os.listdir(self.path("out")), [])
        self.make("profiling", "multiprocess", "3")
        os.remove(self.path("pool_l2_const.bin"))
        done = self.run_it("--frames", "3", code=1)
        self.assertEqual(done.stderr.count("pool_l2_const.bin"), 1, done.stderr)

    def test_interrupted(self):
        for mode in ("multiprocess", "multithread", "cooperative"):
            self.make("profiling", mode, "2")
            process = subprocess.Popen([AXRUNMODEL, self.model, "--seconds", "30"], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=10)
            self.assertEqual(process.returncode, 130, err)
            self.assertIn("System FPS", out)

    def test_no_effect(self):
        self.make("profiling", "pipeline", "2")
        done = self.run_it("--frames", "3", "--double-buffer")
        self.assertIn("--double-buffer has no effect in multicore mode pipeline", done.stderr)

    def test_orders(self):
        """Byte and index order, and the wider and narrower floats, are those of the file."""
        x = np.random.default_rng(1).integers(-8, 8, (1, 3, 2, 2)).astype(np.float32)
        outputs = []
        for i, a in enumerate((x, np.asfortranarray(x), x.astype(">f4"), x.astype("<f8"), x.astype(">f2"))):
            self.run_it("--frames", "1", "--input", self.save("x.npy", a), "--output-dir", self.path("o%d" % i))
            outputs.append(np.load(self.path("o%d/y.npy" % i)))
            np.testing.assert_array_equal(outputs[i], outputs[0])
        self.assertTrue(np.any(outputs[0]))

    def test_mistakes(self):
        x = self.save("x.npy", np.ones((1, 3, 2, 2), np.complex64))
        self.fails("--input", x, text="c8' found, numbers wanted")
        x = self.save("x.npy", np.ones((1, 3, 2, 3), np.float32))
        self.fails("--input", x, text="holds float32 [1,3,2,3], input 'x:0/a' wants float32 [1,3,2,2]")
        x = self.save("x.npy", np.ones((1, 3, 2, 2), np.float32))
        self.fails("--input", "z=" + x, text="--input: the model has no input 'z'; it has 'x:0/a'")
        self.fails("--input", "x:0/a=" + x, "--input", "x:0/a=" + x, text="has a file already")
        odd = self.save("a=b.npy", np.ones((1, 3, 2, 2), np.float32))
        self.run_it("--frames", "1", "--input", odd)
        self.run_it("--frames", "1", "--input", "x:0/a=" + odd)
        self.fails("--input", "zz=" + odd, text="no input 'zz'; it has")
        self.fails("--input", x, "--input", x, text="no such input")
        self.fails("--input", self.path("none.npy"), text="No such file")
        self.fails("--input", self.model, text="is no .npy array")
        self.fails("--input", self.save("u.npy", np.ones((1, 3, 2, 2), np.uint32)), text="holds uint32 1x3x2x2; wanted")
        self.fails("--frames", "0", text="--frames", code=2)
        self.fails("--seconds", "x", text="--seconds", code=2)
        self.fails("--io", "f16", text="--io", code=2)
        self.fails("--devices", "1", text="no device 1", code=2)
        self.fails("--nonsense", text="there is no option '--nonsense'\n", code=2)
        for wrong, right in (("--framse", "--frames"), ("--frame", "--frames"), ("--frame=3", "--frames"),
                             ("--thr", "--throttle-fps"), ("--output-di", "--output-dir"), ("--no-profil", "--no-profile"), ("--jsno", "--json")):
            self.fails(wrong, text=f"there is no option '{wrong}'; did you mean {right}?", code=2)
        self.fails("-x", text="no option '-x'", code=2)
        self.fails("--frames", text="--frames wants a value: --frames N", code=2)
        self.fails("--frames", "--json", text="--frames wants a value", code=2)
        self.fails("--json=1", text="--json takes no value, found '1'", code=2)
        self.fails("--" + "x" * 5000, text="no option", code=2)
        self.fails("-d1", text="no device 1", code=2)
        self.assertTrue(self.run_json("--frames=2", "-d", "0", "--no-profile", "--no-help")["frames"] == 2)
        done = subprocess.run([AXRUNMODEL, "--frames", "1", "--", self.model], capture_output=True)
        self.assertEqual(done.returncode, 0)
        self.fails("extra", text="MODEL.json", code=2)
        self.fails("--output-dir", "/proc/none/x", "--frames", "1", text="/proc/none/x")
        self.fails("--input", self.save("n.npy", np.full((1, 2, 2, 4), 99, np.int8)), "--output-dir",
                   self.path("gone"), text="error -7")
        self.assertEqual(os.listdir(self.path("gone")), [])

    def test_damaged_npy(self):
        good = open(self.save("x.npy", np.ones((1, 3, 2, 2), np.float32)), "rb").read()
        for at in range(len(good)):
            for data in (good[:at], good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1:] if at < 128 else b""):
                if at % 3 and at > 12:
                    continue
                open(self.path("bad.npy"), "wb").write(data)
                done = subprocess.run([AXRUNMODEL, self.model, "--frames", "1", "--input", self.path("bad.npy")],
                                      capture_output=True, text=True)
                self.assertIn(done.returncode, (0, 1), (at, done.stderr))
                if not data or data == good[:at]:
                    self.assertEqual(done.returncode, 1, at)

    def test_help(self):
        done = subprocess.run([AXRUNMODEL, "--help"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0)
        for option in ("--input", "--output-dir", "--io", "--frames", "--aipu-cores", "--[no-]profile", "--[no-]json",
                       "--devices", "--seconds", "--throttle-fps", "--[no-]double-buffer", "--[no-]show-bar-chart",
                       "--[no-]show-histogram"):
            self.assertIn(option, done.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
