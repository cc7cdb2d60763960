// The one list of views: a kind of artifact and the module that shows it. A new kind is one file and one line here;
// a new method needs neither, for methods return artifacts of these kinds.
//
// A view is {kind, render(artifact, context) -> Element, saves?(artifact, context, element) -> [button]}. The
// context is {run, result, entry, name}: the run, the whole result, the element of `results` that the artifact
// belongs to, and a stem for file names; `element` is what render returned.

import curve from './curve.js';
import graph from './graph.js';
import image from './image.js';
import map from './map.js';
import maps from './maps.js';
import table from './table.js';
import text from './text.js';
import unknown from './unknown.js';

const VIEWS = [map, maps, image, graph, curve, table, text];

/** The view of a kind; kinds that this page doesn't know are shown as their data. */
export const viewOf = (kind) => VIEWS.find((view) => view.kind === kind) ?? unknown;
