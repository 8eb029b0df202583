// The 4,000 training digits of the packaged sample, split into those to learn from and those to choose by. The test images stay unread.
import { findMembers } from "../draw/read.js";
import { PIXELS } from "./network.js";

// The places of the validation images that Python's `load_mnist('sample')` splits off with its seed 0.
const VALIDATION = new Set([
  2, 31, 47, 63, 90, 97, 104, 135, 136, 155, 161, 165, 169, 211, 215, 233, 234, 247, 254, 269, 286, 296, 326, 332, 339, 345, 350, 374, 384, 386, 393,
  397, 399, 406, 414, 415, 430, 433, 435, 439, 488, 521, 522, 557, 558, 563, 566, 579, 593, 615, 621, 635, 657, 662, 663, 666, 667, 668, 680, 683, 684,
  693, 703, 711, 722, 736, 783, 790, 815, 822, 823, 835, 850, 856, 883, 901, 930, 967, 1009, 1019, 1049, 1050, 1065, 1073, 1074, 1084, 1087, 1088, 1101,
  1105, 1106, 1118, 1125, 1129, 1131, 1134, 1152, 1156, 1168, 1196, 1205, 1212, 1217, 1224, 1237, 1248, 1249, 1257, 1274, 1280, 1308, 1312, 1325, 1350,
  1377, 1380, 1382, 1398, 1405, 1406, 1409, 1414, 1424, 1429, 1456, 1470, 1481, 1482, 1494, 1497, 1499, 1501, 1509, 1512, 1519, 1544, 1575, 1579, 1622,
  1638, 1652, 1671, 1677, 1706, 1712, 1744, 1756, 1759, 1774, 1775, 1790, 1799, 1800, 1807, 1813, 1815, 1822, 1832, 1875, 1878, 1891, 1900, 1914, 1917,
  1920, 1930, 1961, 1966, 1977, 1989, 2001, 2011, 2033, 2065, 2101, 2116, 2120, 2122, 2128, 2132, 2141, 2145, 2179, 2180, 2181, 2207, 2211, 2226, 2241,
  2242, 2247, 2257, 2259, 2292, 2300, 2304, 2312, 2314, 2326, 2344, 2357, 2361, 2386, 2389, 2392, 2394, 2399, 2410, 2435, 2439, 2463, 2467, 2500, 2503,
  2513, 2526, 2541, 2542, 2543, 2568, 2628, 2638, 2642, 2643, 2657, 2668, 2672, 2678, 2711, 2733, 2772, 2773, 2776, 2781, 2789, 2790, 2806, 2808, 2809,
  2825, 2826, 2832, 2846, 2865, 2866, 2898, 2915, 2963, 2979, 3017, 3018, 3022, 3027, 3057, 3060, 3063, 3102, 3103, 3106, 3112, 3126, 3127, 3140, 3142,
  3148, 3149, 3191, 3204, 3214, 3221, 3224, 3253, 3289, 3292, 3316, 3329, 3343, 3352, 3362, 3375, 3378, 3395, 3398, 3410, 3416, 3427, 3431, 3434, 3451,
  3462, 3476, 3508, 3545, 3559, 3592, 3598, 3599, 3600, 3628, 3632, 3643, 3645, 3649, 3659, 3669, 3673, 3687, 3700, 3717, 3725, 3735, 3750, 3761, 3776,
  3796, 3827, 3830, 3831, 3853, 3858, 3865, 3876, 3881, 3912, 3927, 3935, 3946, 3972, 3974, 3976, 3982, 3992, 3997,
]);

export async function loadSample(source) {
  const response = await fetch(source);
  if (!response.ok) throw new Error(`sample.npz: ${response.status} ${response.statusText}`.trim());
  const buffer = await response.arrayBuffer(), { x_train, y_train } = Object.fromEntries(findMembers(buffer).map((m) => [m.name, m]));
  const [pixels, labels] = await Promise.all([x_train, y_train].map((member) => inflate(buffer, member)));
  const places = Array.from(labels.keys());
  const pick = (some) => {
    const x = new Float32Array(some.length * PIXELS);
    some.forEach((place, i) => { for (let p = 0; p < PIXELS; p++) x[i * PIXELS + p] = pixels[place * PIXELS + p] / 255; });
    return { x, y: Uint8Array.from(some, (place) => labels[place]) };
  };
  return { train: pick(places.filter((place) => !VALIDATION.has(place))), validation: pick(places.filter((place) => VALIDATION.has(place))) };
}

// The bytes of an array of the .npz file: inflated, and without the header of its .npy.
async function inflate(buffer, { start, size }) {
  const stream = new Blob([new Uint8Array(buffer, start, size)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const npy = await new Response(stream).arrayBuffer();
  return new Uint8Array(npy, 10 + new DataView(npy).getUint16(8, true));
}
