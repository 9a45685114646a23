// Filters of the list under names, kept in this browser.
import { useState } from "preact/hooks";
import { Link } from "../../base/router";
import { savedViews } from "../../base/settings";
import { useStore } from "../../base/store";
import { Dialog } from "../../parts/dialog";
import { Icon } from "../../parts/icons";

const NAME_CHARS_MAX = 60;

export function SavedViews(props: { query: URLSearchParams }) {
  const views = useStore(savedViews);
  const [naming, setNaming] = useState(false);
  const query = props.query.toString();
  const isSaved = views.some((one) => one.query === query);
  if (views.length === 0 && !query) return null;
  return (
    <div class="views" role="group" aria-label="Saved views">
      {views.map((one) => (
        <span key={one.name} class={one.query === query ? "view chosen" : "view"}>
          <Link to={one.query ? `/runs?${one.query}` : "/runs"}>{one.name}</Link>
          <button
            type="button"
            class="ghost"
            aria-label={`Forget the view ${one.name}`}
            title="Forget this view"
            onClick={() => savedViews.set(views.filter((other) => other !== one))}
          >
            <Icon name="close" />
          </button>
        </span>
      ))}
      {query && !isSaved && (
        <button type="button" class="small" onClick={() => setNaming(true)}>
          <Icon name="plus" /> Save this view
        </button>
      )}
      {naming && <Naming query={query} onClose={() => setNaming(false)} />}
    </div>
  );
}

function Naming(props: { query: string; onClose: () => void }) {
  const views = useStore(savedViews);
  const [name, setName] = useState("");
  const save = (event: Event) => {
    event.preventDefault();
    const title = name.trim();
    if (!title) return;
    const others = views.filter((one) => one.name !== title);
    savedViews.set([...others, { name: title, query: props.query }]);
    props.onClose();
  };
  return (
    <Dialog title="Save this view" onClose={props.onClose}>
      <form onSubmit={save}>
        <label>
          Name
          <input
            value={name}
            maxLength={NAME_CHARS_MAX}
            required
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <p class="hint">
          It is kept in this browser. Another view of this name is replaced; to send one to
          somebody, send the address.
        </p>
        <footer>
          <button type="button" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Save
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
