// Measures the pictures of a page in the browser that shows them. The page sets `pictures` (SVG by name) and `flowcharts`
// (Mermaid by name); the result is JSON in the element `result`.

// How far a text may reach over the edge of its box, in pixels: browsers round the height of fonts.
const TOLERANCE = 0.75;

const inside = (outer, inner) =>
  outer.x - TOLERANCE <= inner.x && inner.x + inner.width <= outer.x + outer.width + TOLERANCE &&
  outer.y - TOLERANCE <= inner.y && inner.y + inner.height <= outer.y + outer.height + TOLERANCE;
const apart = (one, other) =>
  one.x + one.width <= other.x + TOLERANCE || other.x + other.width <= one.x + TOLERANCE ||
  one.y + one.height <= other.y + TOLERANCE || other.y + other.height <= one.y + TOLERANCE;
const shown = (text) => [...text.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join('');

// Returns what is wrong with the geometry of a picture.
function geometry(svg) {
  const boxes = [...svg.querySelectorAll('rect')].map((rect) => rect.getBBox());
  const texts = [...svg.querySelectorAll('text')].map((text) => [shown(text), text.getBBox()]);
  const wrong = [];
  texts.forEach(([text, box], number) => {
    if (!boxes.some((outer) => inside(outer, box))) wrong.push(`'${text}' is in no box`);
    for (const other of boxes) {
      if (!inside(other, box) && !apart(other, box)) wrong.push(`'${text}' crosses the edge of a box`);
    }
    for (const [later, laterBox] of texts.slice(number + 1)) {
      if (!apart(box, laterBox)) wrong.push(`'${text}' covers '${later}'`);
    }
  });
  return { texts: texts.length, boxes: boxes.length, wrong };
}

// Returns the pixels of a picture that a document embeds with `<img>`: its ground, and the number of its colors.
async function embedded(svg) {
  const image = new Image();
  image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(svg);
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  const ground = [...context.getImageData(canvas.width / 2, 5, 1, 1).data.slice(0, 3)];
  return { ground, colors: new Set(pixels).size, width: canvas.width, height: canvas.height };
}

// Returns the nodes and edges of a flowchart, as Mermaid reads and draws it.
async function flowchart(text, number) {
  try {
    await mermaid.parse(text);
    const { svg } = await mermaid.render(`flowchart${number}`, text);
    const holder = document.createElement('div');
    holder.innerHTML = svg;
    const count = (selector) => holder.querySelectorAll(selector).length;
    return {
      nodes: count('g.node'),
      edges: count('path.flowchart-link'),
      groups: count('g.cluster'),
      strange: count('script, img, a, b, iframe, strong, em, li'),
      text: [...holder.querySelectorAll('.nodeLabel, .cluster-label, .edgeLabel')].map((one) => one.textContent).join('\n'),
    };
  } catch (error) {
    return { error: String(error) };
  }
}

async function measure() {
  const result = { pictures: {}, flowcharts: {} };
  for (const [name, svg] of Object.entries(pictures)) {
    const holder = document.createElement('div');
    holder.innerHTML = svg;
    document.body.append(holder);
    result.pictures[name] = { ...geometry(holder.querySelector('svg')), ...(await embedded(svg)) };
    holder.remove();
  }
  if (Object.keys(flowcharts).length > 0) mermaid.initialize({ startOnLoad: false });
  for (const [number, [name, text]] of Object.entries(flowcharts).entries()) {
    result.flowcharts[name] = await flowchart(text, number);
  }
  return result;
}

addEventListener('load', () => measure().catch((error) => ({ error: String(error.stack) })).then((result) => {
  const element = document.createElement('pre');
  element.id = 'result';
  element.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(result))));
  document.body.append(element);
}));
