-- Links between the notebooks. On the site they stay inside it, also in a preview or a fork: nbdev makes them lead to the published one.
-- The README is read elsewhere, so there they, and the pictures, lead to where settings.ini says that the project is.
local settings = {}
for line in io.lines(quarto.project.directory .. '/../settings.ini') do
  local name, value = line:match('^([%w_]+) *= *(.-) *$')
  if name then settings[name] = value end
end
local function setting(name) return (settings[name]:gsub('%%%((.-)%)s', setting)) end
local home = setting('doc_host') .. setting('doc_baseurl') .. '/'
local files = setting('git_url') .. '/raw/' .. setting('branch') .. '/nbs/'

local function inside(text)
  local first, last = text:find(home, 1, true)
  if not first then return text end
  return text:sub(1, first - 1) .. inside(text:sub(last + 1))
end

if quarto.doc.is_format('html') then
  return {{
    Link = function(link) link.target = inside(link.target); return link end,
    CodeBlock = function(code) code.text = inside(code.text); return code end,
  }}
end

return {{
  Link = function(link)
    link.target = link.target:gsub('^%d+_([%w_]+)%.ipynb', home .. '%1.html'):gsub('^([%w_]+)%.ipynb', home .. '%1.html'):gsub('^([%w_]+)%.qmd', home .. '%1.html')
    link.target = link.target:gsub('^images/', files .. '%0')
    return link
  end,
  Image = function(image)
    image.src = image.src:gsub('^images/', files .. '%0')
    image.caption, image.attributes['fig-alt'] = image.attributes['fig-alt'] or image.caption, nil
    return image
  end,
}}
