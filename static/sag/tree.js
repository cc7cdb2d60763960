// The tree that a graph of patch sets is a merged form of: a set that several sets lead to stands below each of them.

const MOST = 150; // nodes; further ones are left out, level by level

/**
 * Unfolds a part of a graph.
 * @param {{nodes: Array, edges: Array}} part
 * @returns {{nodes: Array, edges: Array, cut: boolean}} nodes with an id of their place in the tree, and `set`, the
 *          id of the set; edges between places; whether there were more than can be shown
 */
export function unfolded({ nodes, edges }) {
    const bySet = new Map(nodes.map((n) => [n.id, n]));
    const tree = { nodes: [], edges: [], cut: false };
    let level = nodes.filter((n) => n.root).map((n) => ({ ...n, set: n.id }));
    while (level.length) {
        tree.nodes.push(...level);
        const next = [];
        for (const node of level) {
            for (const edge of edges.filter((e) => e.from === node.set)) {
                if (tree.nodes.length + next.length >= MOST) {
                    tree.cut = true;
                    continue;
                }
                const id = `${node.id}-${edge.removed}`;
                next.push({ ...bySet.get(edge.to), id, set: edge.to });
                tree.edges.push({ ...edge, from: node.id, to: id });
            }
        }
        level = next;
    }
    return tree;
}
