// What stands in place of a page whose address says something that it does not understand.
import type { Fault } from "../base/filters";
import { Link } from "../base/router";
import { Icon } from "./icons";

export function Misread(props: { path: string; query: URLSearchParams; faults: readonly Fault[] }) {
  const { path, faults } = props;
  const rest = new URLSearchParams(props.query);
  for (const one of faults) rest.delete(one.name);
  return (
    <div class="problem" role="alert">
      <Icon name="warn" />
      <div>
        <b>The address is not understood</b>
        {faults.map((one) => (
          <p key={one.name}>
            <code>{one.name}</code> {one.message}.
          </p>
        ))}
        <p class="faint">
          Nothing is shown, since without it the page would show more than was asked for.
        </p>
        <Link to={rest.size ? `${path}?${rest.toString()}` : path}>Show the page without it</Link>
      </div>
    </div>
  );
}
