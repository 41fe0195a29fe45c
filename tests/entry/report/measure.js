// Reads the page in each frame and writes what browser.py calls `Measured` of each, as JSON.
const measured = (frame) => {
  const page = frame.contentDocument;
  page.querySelectorAll("details").forEach((one) => { one.open = true; });
  const view = page.defaultView;
  const hidden = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const style = view.getComputedStyle(one);
      if (style.display === "none" || style.visibility === "hidden" || style.clipPath !== "none") return true;
    }
    return false;
  };
  const name = (element) => `${element.tagName.toLowerCase()}.${element.getAttribute("class") || ""}`;

  const clipped = [...page.querySelectorAll("body *:not(svg *)")]
    .filter((one) => one.clientWidth > 1 && !hidden(one) && view.getComputedStyle(one).overflowX !== "visible")
    .filter((one) => one.scrollWidth > one.clientWidth + 1)
    .map((one) => `${name(one)}: ${one.getAttribute("aria-label") || one.textContent.trim().slice(0, 60)}`);
  for (const picture of page.querySelectorAll("svg[viewBox]")) {
    const frame = picture.getBoundingClientRect();
    if (frame.width === 0) continue;
    for (const text of picture.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1 || box.top < frame.top - 1)
        clipped.push(`text beyond its picture: ${text.textContent}`);
    }
    for (const node of picture.querySelectorAll("a.node")) {
      const frame = node.querySelector("rect").getBoundingClientRect();
      for (const text of node.querySelectorAll("text"))
        if (text.getBoundingClientRect().right > frame.right || text.getBoundingClientRect().left < frame.left)
          clipped.push(`text beyond its box: ${text.textContent}`);
    }
  }
  // A label that a stylesheet writes beside a cell has no box that a script could read: measure its words.
  const pen = document.createElement("canvas").getContext("2d");
  for (const cell of page.querySelectorAll("td")) {
    const label = view.getComputedStyle(cell, "::before");
    if (label.position !== "absolute" || label.content === "none") continue;
    pen.font = `${label.fontWeight} ${label.fontSize} ${label.fontFamily}`; // `font` is empty where digits are tabular
    if (pen.measureText(label.content.slice(1, -1)).width > parseFloat(view.getComputedStyle(cell).paddingLeft) - 2)
      clipped.push(`label over its cell: ${label.content}`);
  }

  const lines = [];
  const stacked = [];
  const walk = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode;
    const owner = text.parentElement;
    if (!text.textContent.trim() || ["STYLE", "TITLE", "title"].includes(owner.tagName) || hidden(owner)) continue;
    const range = page.createRange();
    range.selectNodeContents(text);
    const boxes = [...range.getClientRects()].filter((box) => box.width > 1 && box.right > 0);
    if (text.textContent.trim().length > 5 && boxes.length > text.textContent.trim().length / 3)
      stacked.push(text.textContent.trim());
    for (const box of boxes) lines.push({ box, text: text.textContent.trim() });
  }
  const overlapping = [];
  lines.sort((one, other) => one.box.top - other.box.top);
  lines.forEach((one, place) => {
    for (let next = place + 1; next < lines.length && lines[next].box.top < one.box.bottom; next += 1) {
      const other = lines[next].box;
      const wide = Math.min(one.box.right, other.right) - Math.max(one.box.left, other.left);
      const high = Math.min(one.box.bottom, other.bottom) - other.top;
      // Boxes of text are higher than its letters: a superscript touches the line above it.
      if (wide > 2 && high > 0.5 * Math.min(one.box.height, other.height))
        overlapping.push(`${one.text.slice(0, 40)} | ${lines[next].text.slice(0, 40)}`);
    }
  });
  const width = page.documentElement.scrollWidth;
  return { width, clipped, overlapping, stacked };
};

onload = () => {
  const answer = [...document.querySelectorAll("iframe")].map(measured);
  document.getElementById("answer").textContent = JSON.stringify(answer);
};
