// What is selected in a raw line becomes the span of the verdict that is given next: which of the
// alert's lines it is, from 0, and where the selection begins and ends in it. Characters that are shown as marks count
// as the one that they are.
"use strict";

const UNSEEN = /\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8}/g;

function placeIn(node, offset) {
  const piece = (node.nodeType === Node.TEXT_NODE ? node.parentElement : node).closest?.("[data-at]");
  if (!piece) return null;
  const before = node.nodeType === Node.TEXT_NODE ? node.data.slice(0, offset) : "";
  const length = [...before.replace(UNSEEN, ".")].length;
  return { line: Number(piece.closest("[data-line]").dataset.line), at: Number(piece.dataset.at) + length };
}

document.addEventListener("selectionchange", () => {
  const field = document.querySelector("[name=span]");
  const selection = document.getSelection();
  if (!field || selection.isCollapsed || !selection.anchorNode) return;
  const ends = [placeIn(selection.anchorNode, selection.anchorOffset),
    placeIn(selection.focusNode, selection.focusOffset)];
  if (!ends[0] || !ends[1] || ends[0].line !== ends[1].line) return;
  const [start, end] = [ends[0].at, ends[1].at].sort((a, b) => a - b);
  field.value = JSON.stringify({ line: ends[0].line, start, end });
  field.dispatchEvent(new Event("change", { bubbles: true }));
});

// On a narrow screen the hours before the alert fill the window: begin where the alert is.
document.addEventListener("htmx:afterSettle", event => {
  const unit = event.detail.elt.querySelector?.("svg.timeline .unit");
  const window_ = unit?.closest(".wide");
  if (!window_) return;
  const { left, width } = unit.getBoundingClientRect(), around = window_.getBoundingClientRect();
  window_.scrollLeft += left + width / 2 - around.left - around.width / 2;
});
