// A small viewer: shaded discs sorted by depth, turned by dragging or with the arrow keys.
document.querySelectorAll(".viewer").forEach((box) => {
  const structures = JSON.parse(box.querySelector("script").textContent);
  const canvas = box.querySelector("canvas");
  const select = box.querySelector("select");
  const context = canvas.getContext("2d");
  let turn = { x: -1.2, y: 0.35 };
  let last = null;

  const rotate = ([x, y, z]) => {
    const [cy, sy, cx, sx] = [Math.cos(turn.y), Math.sin(turn.y), Math.cos(turn.x), Math.sin(turn.x)];
    const u = cy * x - sy * y, v = sy * x + cy * y;
    return [u, cx * v - sx * z, sx * v + cx * z];
  };

  const draw = () => {
    const one = structures[select.selectedIndex];
    const size = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.height = Math.round(size * ratio);
    context.setTransform(ratio, 0, 0, ratio, size * ratio / 2, size * ratio / 2);
    context.clearRect(-size / 2, -size / 2, size, size);
    const points = one.positions.concat(one.lines.flat());
    const reach = Math.max(...points.map((p) => Math.hypot(...p))) + one.radius;
    const scale = size / 2 / reach;
    context.strokeStyle = "#8A949E";
    context.lineWidth = 1;
    one.lines.forEach((line) => {
      const [a, b] = line.map(rotate);
      context.beginPath();
      context.moveTo(a[0] * scale, -a[1] * scale);
      context.lineTo(b[0] * scale, -b[1] * scale);
      context.stroke();
    });
    one.positions.map(rotate).sort((a, b) => a[2] - b[2]).forEach(([x, y, z]) => {
      const [px, py, r] = [x * scale, -y * scale, one.radius * scale];
      const light = 62 + 14 * (z / reach);
      const shade = context.createRadialGradient(px - r / 3, py - r / 3, r / 8, px, py, r);
      shade.addColorStop(0, `hsl(203, 75%, ${light + 20}%)`);
      shade.addColorStop(1, `hsl(203, 65%, ${light - 22}%)`);
      context.fillStyle = shade;
      context.beginPath();
      context.arc(px, py, r, 0, 2 * Math.PI);
      context.fill();
    });
  };

  select.addEventListener("change", draw);
  canvas.addEventListener("pointerdown", (event) => { last = event; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointerup", () => { last = null; });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    turn = { x: turn.x + (event.clientY - last.clientY) / 120, y: turn.y + (event.clientX - last.clientX) / 120 };
    last = event;
    draw();
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -0.1], ArrowRight: [0, 0.1], ArrowUp: [-0.1, 0], ArrowDown: [0.1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    turn = { x: turn.x + step[0], y: turn.y + step[1] };
    draw();
  });
  window.addEventListener("resize", draw);
  window.addEventListener("beforeprint", draw);
  draw();
});
