// Bend an image a little at random, as the recipe `best` of nbs/05_improve.ipynb does, without its smooth bumps and thicker strokes:
// turned by up to 7.5 degrees, 20 % larger or smaller each way, slanted by 0.075, moved by a pixel.
const N = 28, TURN = (7.5 * Math.PI) / 180, SCALE = 0.2, SHEAR = 0.075, SHIFT = 1;

export function deform(image, random, out) {
  const [down, right, tall, wide, turn, slant] = Array.from({ length: 6 }, () => 2 * random() - 1);
  const inside = (place) => (place < 0 ? 0 : place > 26.999 ? 26.999 : place);
  for (let r = 0; r < N; r++)
    for (let c = 0; c < N; c++) {
      const y = r - 13.5, x = c - 13.5;
      const row = inside(r + down * SHIFT + y * tall * SCALE - x * turn * TURN);
      const column = inside(c + right * SHIFT + y * (turn * TURN + slant * SHEAR) + x * wide * SCALE);
      const top = Math.floor(row), left = Math.floor(column), below = row - top, aside = column - left, corner = top * N + left;
      out[r * N + c] = (1 - below) * ((1 - aside) * image[corner] + aside * image[corner + 1])
        + below * ((1 - aside) * image[corner + N] + aside * image[corner + N + 1]);
    }
}
